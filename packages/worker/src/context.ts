import { TendrilError } from "@tendril/core/errors";
import type { Enqueue, JobContext, Log, RdsData, Sql } from "@tendril/core/handler";
import type { WireJob } from "@tendril/core/message";

/** What every handler's context is made of. */
export interface ContextParts {
  readonly job: WireJob;
  /** Counted from 1. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly enqueue: Enqueue;
  readonly log: Log;
}

/** The context of an exactly-once handler: its `sql` and `rdsData` are its transaction's. */
export function transactionContext(
  parts: ContextParts,
  transaction: { readonly sql: Sql; readonly rdsData: RdsData },
): JobContext {
  return {
    ...commonContext(parts),
    sql: untilAbort(transaction.sql, parts.signal),
    // A client is only made for those who ask for it.
    get rdsData() {
      return transaction.rdsData;
    },
  };
}

/**
 * The context of an at-least-once handler. The compiler knows no `sql` and no `rdsData` there; who asks for them all the
 * same gets `sql_not_allowed`. They are not enumerable, so that the context can be copied.
 */
export function bareContext(parts: ContextParts): JobContext {
  const { type } = parts.job;
  const refuse = (name: string) => (): never => {
    throw notAllowed(type, name);
  };
  const context = commonContext(parts);
  return Object.defineProperties(context as JobContext, {
    sql: { value: refuse("job.sql") },
    rdsData: { get: refuse("job.rdsData") },
  });
}

function commonContext({ job, ...parts }: ContextParts) {
  return {
    id: job.id,
    type: job.type,
    ...parts,
    ...(job.schedule === undefined ? {} : { schedule: job.schedule }),
  };
}

/** A handler that goes on after its end gets the reason, and holds the rollback up no longer than its running call. */
function untilAbort(sql: Sql, signal: AbortSignal): Sql {
  return (strings, ...values) => {
    if (!signal.aborted) return sql(strings, ...values);
    const refused = Promise.reject(signal.reason);
    refused.catch(() => {});
    return refused;
  };
}

function notAllowed(type: string, where: string): TendrilError {
  return new TendrilError("sql_not_allowed", {
    where,
    given: `a call in a job of ${type}, whose effects are "at-least-once"`,
    allowed: 'the database in job types whose effects are "exactly-once"',
    fix: 'Leave `effects: "at-least-once"` out of the job type, and the job gets a transaction.',
  });
}
