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
  const context: GroupedContext = Object.assign(new Refusing(parts, whyGrouped), { write });
  return context as object as JobContext;
}

/**
 * The context of an at-least-once handler. The compiler knows no `sql` and no `rdsData` there; who asks for them all the
 * same gets `sql_not_allowed`. They are not enumerable, so that the context can be copied.
 */
export function bareContext(parts: ContextParts): JobContext {
  return new Refusing(parts, whyBare) as object as JobContext;
}

/** Why a job has no transaction, and what to do to get one. */
interface Why {
  readonly given: string;
  readonly fix: string;
}

const whyBare: Why = {
  given: 'whose effects are "at-least-once"',
  fix: 'Leave `effects: "at-least-once"` out of the job type',
};
const whyGrouped: Why = { given: 'whose commit is "grouped"', fix: 'Leave `commit: "grouped"` out of the job type' };

/** A class, since every job has one: what each would have of its own is on the prototype, where a copy does not find it. */
class Refusing implements AtLeastOnceContext {
  readonly id: AtLeastOnceContext["id"];
  readonly type: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly enqueue: Enqueue;
  readonly log: Log;
  declare readonly schedule?: NonNullable<AtLeastOnceContext["schedule"]>;
  readonly #why: Why;

  constructor(parts: ContextParts, why: Why) {
    const { job } = parts;
    this.id = job.id;
    this.type = job.type;
    this.attempt = parts.attempt;
    this.signal = parts.signal;
    this.enqueue = (spec, input, options) => parts.enqueue(spec, input, options);
    this.log = (message, facts) => parts.log(message, facts);
    if (job.schedule !== undefined) this.schedule = job.schedule;
    this.#why = why;
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
      given: `a call in a job of ${this.type}, ${this.#why.given}`,
      allowed: "the database in job types with a transaction of their own",
      fix: `${this.#why.fix}, and the job gets a transaction.`,
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
