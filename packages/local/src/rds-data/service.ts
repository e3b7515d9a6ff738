import * as rdsData from "@aws-sdk/client-rds-data";
import type { Clock } from "../clock.ts";
import { defineService, type Service } from "../wire/service.ts";
import { openConnections } from "./connections.ts";
import { badRequest } from "./errors.ts";
import { executeBatch, executeStatement, type StatementRunner } from "./statements.ts";
import { openTransactions } from "./transactions.ts";

export interface DataApiOptions {
  /** Ends transactions that are not used. */
  readonly clock: Clock;
  /** The Postgres server, and the database that is meant when a call names none. */
  readonly databaseUrl: string;
  /** The most connections to one database: statements and open transactions at one time. Default 80. */
  readonly maxConnections?: number;
  /**
   * How long a statement may run, in milliseconds. Default 45 000, which is AWS's limit:
   * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
   */
  readonly statementTimeoutMs?: number;
}

export interface DataApi {
  readonly service: Service;
  /** Breaks every open transaction, as the failover of a database does: all are rolled back and not found any more. */
  dropTransactions(): void;
  /** Rolls back what is open and closes every connection. */
  close(): Promise<void>;
}

/**
 * The RDS Data API over a Postgres server, as Aurora PostgreSQL Serverless v2 has it. `resourceArn` and `secretArn` must
 * be given and are not looked at; `database` chooses the database. Connections are made when they are needed.
 */
export function openDataApi(options: DataApiOptions): DataApi {
  const { clock, databaseUrl, maxConnections = 80, statementTimeoutMs = 45_000 } = options;
  const connections = openConnections({ databaseUrl, maxConnections, statementTimeoutMs });
  const transactions = openTransactions(clock, connections);
  const service = serviceOf({ clock, connections, transactions, statementTimeoutMs });
  const close = async (): Promise<void> => {
    transactions.close();
    await connections.close();
  };
  return { service, dropTransactions: transactions.close, close };
}

function serviceOf(runner: StatementRunner): Service {
  const { transactions } = runner;
  return defineService({
    client: rdsData,
    protocol: "restJson1",
    longMembers: ["longValue"],
    handlers: {
      async ExecuteStatement(input) {
        refuseSchema(input.schema);
        return executeStatement(runner, input);
      },
      async BatchExecuteStatement(input) {
        refuseSchema(input.schema);
        const runs = await executeBatch(runner, input, input.parameterSets ?? []);
        return { updateResults: Array.from({ length: runs }, () => ({ generatedFields: [] })) };
      },
      async BeginTransaction(input) {
        refuseSchema(input.schema);
        return { transactionId: await transactions.begin(input.database) };
      },
      async CommitTransaction(input) {
        await transactions.commit(input.transactionId);
        return { transactionStatus: "Transaction Committed" };
      },
      async RollbackTransaction(input) {
        await transactions.rollback(input.transactionId);
        return { transactionStatus: "Rollback Complete" };
      },
      ExecuteSql() {
        throw badRequest("ExecuteSql is not supported.");
      },
    },
  });
}

function refuseSchema(schema: string | undefined): void {
  if (schema !== undefined) throw badRequest("The schema parameter isn't supported.");
}
