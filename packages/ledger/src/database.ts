import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  type RDSData,
  type RDSDataClient,
  RollbackTransactionCommand,
} from "@aws-sdk/client-rds-data";
import type { Row, SqlValue } from "@tendril/core/handler";
import type { DatabaseLink } from "@tendril/core/link";
import { type Binding, bindClient } from "./bound-client.ts";
import { createCaller, type Sleep } from "./call.ts";
import { toParameter } from "./sql-value.ts";

/** Postgres through the RDS Data API. */
export interface Database {
  /** Begins a transaction and resolves to its id. One that is never ended is rolled back by the Data API after 3 minutes. */
  begin(signal?: AbortSignal): Promise<string>;
  /**
   * Runs one statement with `:p1`, `:p2` … for the values. Without `transactionId` it is a transaction of its own.
   * A row is an object from column name to JSON value; timestamps come as UTC text without a zone.
   */
  execute(sql: string, values: readonly SqlValue[], options?: ExecuteOptions): Promise<Row[]>;
  /** Never sent twice: when it rejects with `isDatabaseAway`, the transaction may be committed all the same. */
  commit(transactionId: string): Promise<void>;
  rollback(transactionId: string): Promise<void>;
  /** A client for other libraries that is bound to a transaction; `binding` decides on each of its calls. */
  bind(transactionId: string, binding: Binding): RDSData;
}

export interface ExecuteOptions {
  readonly transactionId?: string;
  readonly signal?: AbortSignal;
  /** Whether the statement may run twice and leave the same: then a lost answer is asked for again. Default false. */
  readonly repeatable?: boolean;
}

export interface DatabaseOptions {
  /** Loses its own retries: it would repeat statements whose answer was lost, and so double their effects. */
  readonly client: RDSDataClient;
  readonly link: DatabaseLink;
  /** Waits; rejects when the signal aborts. Default: the machine's own timers. */
  readonly sleep?: Sleep;
}

/**
 * The database that a function is linked to. An Aurora that sleeps (0 ACU) is waited for, at most 30 seconds a call; what
 * surely was not run (throttled, connection refused) is tried three times. Errors are the SDK's own.
 */
export function createDatabase({ client, link, sleep }: DatabaseOptions): Database {
  sendOnce(client);
  const call = createCaller(sleep);
  const target = { resourceArn: link.clusterArn, secretArn: link.secretArn };
  return {
    async begin(signal) {
      const command = new BeginTransactionCommand({ ...target, database: link.database });
      const { transactionId } = await call(() => client.send(command, sendOptions(signal)), {
        repeatable: true,
        signal,
      });
      if (transactionId === undefined) throw new Error("The Data API began a transaction without an id.");
      return transactionId;
    },
    async execute(sql, values, { transactionId, signal, repeatable = false } = {}) {
      const command = new ExecuteStatementCommand({
        ...target,
        database: link.database,
        sql,
        parameters: values.map((value, index) => toParameter(`p${index + 1}`, value)),
        formatRecordsAs: "JSON",
        ...(transactionId === undefined ? {} : { transactionId }),
      });
      const { formattedRecords } = await call(() => client.send(command, sendOptions(signal)), { repeatable, signal });
      return formattedRecords === undefined ? [] : (JSON.parse(formattedRecords) as Row[]);
    },
    async commit(transactionId) {
      const command = new CommitTransactionCommand({ ...target, transactionId });
      await call(() => client.send(command), { repeatable: false });
    },
    async rollback(transactionId) {
      const command = new RollbackTransactionCommand({ ...target, transactionId });
      await call(() => client.send(command), { repeatable: false });
    },
    bind(transactionId, { run, ...binding }) {
      return bindClient(
        client,
        { ...target, database: link.database, transactionId },
        { ...binding, run: (statement, send) => run(statement, () => call(send, { repeatable: false })) },
      );
    },
  };
}

const sendOptions = (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } =>
  signal === undefined ? {} : { abortSignal: signal };

/**
 * The SDK repeats a call whose connection broke. A claim that ran twice in one transaction would look like a job that was
 * done before, and its message would be deleted. Other middleware is placed by this one's name, so it is replaced.
 */
function sendOnce(client: RDSDataClient): void {
  client.middlewareStack.add((next) => next, {
    name: "retryMiddleware",
    step: "finalizeRequest",
    priority: "high",
    override: true,
  });
}
