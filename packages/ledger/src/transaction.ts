import { setTimeout as delay } from "node:timers/promises";
import type { RDSData } from "@aws-sdk/client-rds-data";
import { errorText, TendrilError } from "@tendril/core/errors";
import type { Row, Sql, SqlValue } from "@tendril/core/handler";
import type { BoundStatement } from "./bound-client.ts";
import { isDatabaseAway } from "./call.ts";
import type { Database } from "./database.ts";
import { openNestedTransactions } from "./nested-transactions.ts";
import { refuseControl } from "./transaction-control.ts";

/** One job's transaction: the claim, what the handler writes, the commit. */
export interface Transaction {
  /**
   * What handlers know as `job.sql`. Errors: `transaction_ended` once the transaction has ended or is ending,
   * `sql_not_allowed` for statements that begin or end transactions, and for any while `rdsData` has one open;
   * `sql_value_invalid`; else the SDK's own.
   */
  readonly sql: Sql;
  /**
   * What handlers know as `job.rdsData`: a client of the RDS Data API whose statements join this transaction, whatever ARNs
   * and database they name. A transaction that is begun with it is a savepoint, and may hold further ones. While one is
   * open, only its own statements are taken. Its errors are those of `sql`.
   */
  readonly rdsData: RDSData;
  /**
   * True once a call had no answer from the database (see `isDatabaseAway`): the job is not to blame. Nobody knows what the
   * call did, so the transaction is not committed any more; or, when the call was the commit, it may have been.
   */
  readonly lost: boolean;
  /**
   * Waits for the calls that are still running, then commits. Rejects, with nothing committed, when a statement failed
   * and was not undone with a savepoint (Postgres would answer such a commit with a silent rollback), when nobody knows
   * what a call did (`lost`, or the handler has aborted it), and when a transaction of `rdsData` is open.
   */
  commit(): Promise<void>;
  /**
   * Refuses further calls at once, waits for the running one, rolls back. A call that waits for its turn is refused. A
   * statement whose call was aborted may go on in the database: then the rollback is tried again until it has ended.
   */
  rollback(): Promise<void>;
}

/**
 * The Data API rolls a transaction back 3 minutes after its last call: a quiet one is kept alive after this long, in
 * milliseconds. https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
 */
const keepAliveMs = 75_000;

/** Takes over a transaction that `database.begin` began. `keepAliveMs`: 1 to 179,999 milliseconds, default 75,000. */
export function openTransaction(
  database: Database,
  transactionId: string,
  options: { readonly keepAliveMs?: number } = {},
): Transaction {
  return new OpenTransaction(database, transactionId, options.keepAliveMs ?? keepAliveMs);
}

class OpenTransaction implements Transaction {
  readonly #database: Database;
  readonly #transactionId: string;
  readonly #keepAliveMs: number;
  readonly #nested = openNestedTransactions((sql) => this.#execute(sql, []));
  #rdsData: RDSData | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Ends when the last call that was queued has ended; never rejects. */
  #tail: Promise<void> = Promise.resolve();
  /** What the first statement that failed threw. */
  #failure: { readonly error: unknown } | undefined;
  #state: "open" | "committing" | "ended" = "open";
  #lost = false;
  #isUnclear = false;

  constructor(database: Database, transactionId: string, keepAliveMs: number) {
    this.#database = database;
    this.#transactionId = transactionId;
    this.#keepAliveMs = keepAliveMs;
    this.#rest();
  }

  get lost(): boolean {
    return this.#lost;
  }

  readonly sql: Sql = (strings, ...values) => {
    const sql = strings.reduce((before, part, index) => `${before}:p${index}${part}`);
    return this.#take(() => {
      this.#check({ sql, nestedId: undefined }, "job.sql");
      return this.#execute(sql, values);
    });
  };

  get rdsData(): RDSData {
    this.#rdsData ??= this.#database.bind(this.#transactionId, {
      run: (statement, send) =>
        this.#take(() => {
          this.#check(statement, "job.rdsData");
          return this.#call(send);
        }),
      begin: () => this.#take(() => this.#nested.begin()),
      commit: (nestedId) => this.#take(() => this.#nested.commit(nestedId)),
      rollback: (nestedId) => this.#take(() => this.#nested.rollback(nestedId)),
    });
    return this.#rdsData;
  }

  async commit(): Promise<void> {
    if (this.#state !== "open") throw endedError();
    this.#state = "committing";
    await this.#tail;
    if (this.#failure !== undefined) await this.#checkAlive(this.#failure.error);
    this.#nested.checkNoneOpen();
    this.#end();
    try {
      await this.#database.commit(this.#transactionId);
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  async rollback(): Promise<void> {
    this.#end();
    await this.#tail;
    for (let pauseMs = 100; ; pauseMs *= 2) {
      try {
        return await this.#database.rollback(this.#transactionId);
      } catch (error) {
        if (!isBusy(error) || pauseMs > longestBusyPauseMs) throw error;
        await delay(pauseMs, undefined, { ref: false });
      }
    }
  }

  /** Takes a call of the handler's. */
  #take<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#state === "open" ? this.#queue(run) : Promise.reject(endedError());
    // A call that nobody waits for must not end the process: its failure is remembered for the commit.
    result.catch(() => {});
    return result;
  }

  /** Runs calls one after the other: the Data API takes one at a time in a transaction. */
  #queue<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(() => {
      if (this.#state === "ended") throw endedError();
      return run();
    });
    this.#tail = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  #check({ sql, nestedId }: BoundStatement, where: string): void {
    refuseControl(sql, where);
    this.#nested.check(nestedId, where);
  }

  #execute(sql: string, values: readonly SqlValue[]): Promise<Row[]> {
    return this.#call(() => this.#database.execute(sql, values, { transactionId: this.#transactionId }));
  }

  async #call<Output>(send: () => Promise<Output>): Promise<Output> {
    clearTimeout(this.#timer);
    try {
      return await send();
    } catch (error) {
      this.#note(error);
      throw error;
    } finally {
      this.#rest();
    }
  }

  #note(error: unknown): void {
    this.#failure ??= { error };
    if (!isDatabaseAway(error)) return;
    this.#isUnclear = true;
    if (!isAbort(error)) this.#lost = true;
  }

  async #checkAlive(failure: unknown): Promise<void> {
    const alive =
      !this.#isUnclear &&
      (await this.#execute("select 1", []).then(
        () => true,
        () => false,
      ));
    if (alive) return;
    const message = `A statement of the job failed, so nothing of it can be committed: ${errorText(failure)}`;
    throw new Error(message, { cause: failure });
  }

  #rest(): void {
    clearTimeout(this.#timer);
    if (this.#state !== "open") return;
    this.#timer = setTimeout(() => {
      this.#queue(() => this.#execute("select 1", [])).catch(() => {});
    }, this.#keepAliveMs);
    this.#timer.unref();
  }

  #end(): void {
    this.#state = "ended";
    clearTimeout(this.#timer);
  }
}

/**
 * The Data API rolls nothing back while a statement runs, and ends one after 45 seconds: the pauses are 51 in all.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.troubleshooting.html
 */
const longestBusyPauseMs = 25_600;

const isBusy = (error: unknown): boolean => error instanceof Error && error.message.includes("still running a query");

/** A handler may abort its own calls, e.g. with the job's signal at its timeout. */
const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

const endedError = (): TendrilError =>
  new TendrilError("transaction_ended", {
    given: "a call of job.sql or job.rdsData",
    allowed: "calls while the job's handler runs",
    fix: "Await each call before the handler returns.",
  });
