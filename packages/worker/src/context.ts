import { TendrilError } from "@tendril/core/errors";
import type {
  AtLeastOnceContext,
  Enqueue,
  GroupedContext,
  JobContext,
  Log,
  RdsData,
  Sql,
  Write,
} from "@tendril/core/handler";
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

/** The context of a handler that only writes: the compiler knows no `sql` and no `rdsData` there (see `bareContext`). */
export function groupedContext(parts: ContextParts, write: Write): JobContext {
  const context: GroupedContext = { ...commonContext(parts), write };
  const fix = 'Leave `commit: "grouped"` out of the job type';
  return new Refusing(context, parts.job.type, 'whose commit is "grouped"', fix) as object as JobContext;
}

/**
 * The context of an at-least-once handler. The compiler knows no `sql` and no `rdsData` there; who asks for them all the
 * same gets `sql_not_allowed`. They are not enumerable, so that the context can be copied.
 */
export function bareContext(parts: ContextParts): JobContext {
  const given = 'whose effects are "at-least-once"';
  const fix = 'Leave `effects: "at-least-once"` out of the job type';
  return new Refusing(commonContext(parts), parts.job.type, given, fix) as object as JobContext;
}

/** A class, since every job has one: what each would have of its own is on the prototype, where a copy does not find it. */
class Refusing {
  readonly #type: string;
  readonly #given: string;
  readonly #fix: string;

  constructor(context: object, type: string, given: string, fix: string) {
    this.#type = type;
    this.#given = given;
    this.#fix = fix;
    Object.assign(this, context);
  }

  get sql(): () => never {
    return () => this.#refuse("job.sql");
  }

  get rdsData(): never {
    return this.#refuse("job.rdsData");
  }

  #refuse(where: string): never {
    throw new TendrilError("sql_not_allowed", {
      where,
      given: `a call in a job of ${this.#type}, ${this.#given}`,
      allowed: "the database in job types with a transaction of their own",
      fix: `${this.#fix}, and the job gets a transaction.`,
    });
  }
}

/** Data, no getters: those would make each job's context a shape of its own. */
function commonContext(parts: ContextParts): AtLeastOnceContext {
  const { job, attempt, signal } = parts;
  return {
    id: job.id,
    type: job.type,
    attempt,
    signal,
    enqueue: (spec, input, options) => parts.enqueue(spec, input, options),
    log: (message, facts) => parts.log(message, facts),
    ...(job.schedule === undefined ? undefined : { schedule: job.schedule }),
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
