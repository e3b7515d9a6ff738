import { randomUUID } from "node:crypto";
import { TendrilError } from "@tendril/core/errors";

/**
 * The transactions that libraries begin within the job's: savepoints, the innermost last. Only the innermost may be used
 * while it is open. What ran beside it would be undone with it, and nobody would be told.
 */
export interface NestedTransactions {
  /** Refuses a statement that is not of the innermost open transaction. Error: `sql_not_allowed`. */
  check(nestedId: string | undefined, where: string): void;
  /** Resolves to the new one's id. */
  begin(): Promise<string>;
  commit(nestedId: string | undefined): Promise<void>;
  /** Also undoes and ends those that were begun within it. */
  rollback(nestedId: string | undefined): Promise<void>;
  /** Refuses to end the job's transaction while one is open. Error: `sql_not_allowed`. */
  checkNoneOpen(): void;
}

/** `run` runs a statement in the job's transaction. The statements of one call follow each other without another between. */
export function openNestedTransactions(run: (sql: string) => Promise<unknown>): NestedTransactions {
  const open: string[] = [];
  const check: NestedTransactions["check"] = (nestedId, where) => {
    if (nestedId === open.at(-1)) return;
    if (nestedId !== undefined && !open.includes(nestedId)) throw endedError();
    throw new TendrilError("sql_not_allowed", {
      where,
      given: `a statement ${nestedId === undefined ? "outside of" : "of a transaction around"} the transaction that is open`,
      allowed: "statements of the innermost open transaction",
      fix: "Use the transaction's own object inside of it, and run transactions one after the other: await each.",
    });
  };
  return {
    check,
    async begin() {
      const name = `tendril_${randomUUID().replaceAll("-", "")}`;
      await run(`savepoint ${name}`);
      open.push(name);
      return name;
    },
    async commit(nestedId) {
      if (nestedId === undefined) throw endedError();
      check(nestedId, "job.rdsData");
      await run(`release savepoint ${nestedId}`);
      open.pop();
    },
    async rollback(nestedId) {
      const index = nestedId === undefined ? -1 : open.indexOf(nestedId);
      if (index < 0) throw endedError();
      await run(`rollback to savepoint ${nestedId}`);
      await run(`release savepoint ${nestedId}`);
      open.length = index;
    },
    checkNoneOpen() {
      if (open.length === 0) return;
      throw new TendrilError("sql_not_allowed", {
        where: "job.rdsData",
        given: "the handler's end while a transaction that it began is open",
        allowed: "its end when each is committed or rolled back",
        fix: "Await the transaction.",
      });
    },
  };
}

const endedError = (): TendrilError =>
  new TendrilError("transaction_ended", {
    where: "job.rdsData",
    given: "a transaction id that is not open",
    allowed: "the id of a transaction that job.rdsData has begun and that has not ended",
  });
