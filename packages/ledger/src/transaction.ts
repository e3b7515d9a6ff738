import { errorText } from "@tendril/core/errors";
import type { Row, Sql, SqlValue } from "@tendril/core/handler";
import { isDatabaseAway } from "./call.ts";
import type { Database } from "./database.ts";

/** One job's transaction: the claim, what the handler writes, the commit. */
export interface Transaction {
  /** What handlers know as `job.sql`. Rejects once the transaction has ended or is ending. */
  readonly sql: Sql;
  /**
   * True once a call had no answer from the database (see `isDatabaseAway`): nobody knows what it did, so the transaction
   * must not be committed any more; or, when the call was the commit, it may have been.
   */
  readonly lost: boolean;
  /**
   * Waits for the calls that are still running, then commits. Rejects, with nothing committed, when a statement failed
   * and was not undone with a savepoint: Postgres would answer such a commit with a silent rollback.
   */
  commit(): Promise<void>;
  /** Refuses further calls at once, waits for the running one, rolls back. A call that waits for its turn is refused. */
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
  #timer: NodeJS.Timeout | undefined;
  /** Ends when the last call that was queued has ended; never rejects. */
  #tail: Promise<void> = Promise.resolve();
  /** What the first statement that failed threw. */
  #failure: { readonly error: unknown } | undefined;
  #state: "open" | "committing" | "ended" = "open";
  #lost = false;

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
    const text = strings.reduce((before, part, index) => `${before}:p${index}${part}`);
    const run = (): Promise<Row[]> => {
      refuseControl(text);
      return this.#execute(text, values);
    };
    const result = this.#state === "open" ? this.#queue(run) : Promise.reject(endedError());
    // A call that nobody waits for must not end the process: its failure is remembered for the commit.
    result.catch(() => {});
    return result;
  };

  async commit(): Promise<void> {
    if (this.#state !== "open") throw endedError();
    this.#state = "committing";
    await this.#tail;
    if (this.#failure !== undefined) await this.#checkAlive(this.#failure.error);
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
    await this.#database.rollback(this.#transactionId);
  }

  /** Runs calls one after the other: the Data API takes one at a time in a transaction. */
  #queue(run: () => Promise<Row[]>): Promise<Row[]> {
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

  async #execute(sql: string, values: readonly SqlValue[]): Promise<Row[]> {
    clearTimeout(this.#timer);
    try {
      return await this.#database.execute(sql, values, { transactionId: this.#transactionId });
    } catch (error) {
      this.#note(error);
      throw error;
    } finally {
      this.#rest();
    }
  }

  #note(error: unknown): void {
    this.#failure ??= { error };
    if (!(error instanceof TypeError) && isDatabaseAway(error)) this.#lost = true;
  }

  async #checkAlive(failure: unknown): Promise<void> {
    const alive =
      !this.#lost &&
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

const endedError = (): Error =>
  new Error("The job's transaction has ended: job.sql can only be called while its handler runs.");

/** The transaction is the worker's to end: what came after a handler's own "commit" would not be undone with the job. */
const control =
  /^\s*(?:begin|commit|end|abort|start\s+transaction|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i;

function refuseControl(sql: string): void {
  const word = control.exec(sql)?.[0].trim();
  if (word === undefined) return;
  throw new Error(
    `job.sql: given ${JSON.stringify(word)}, allowed any statement but those that begin or end a transaction. Throw to undo everything; use a savepoint to undo a part.`,
  );
}
