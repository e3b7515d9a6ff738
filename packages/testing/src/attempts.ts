import type { Enqueue, Handler, JobContext, Log } from "@tendril/core/handler";
import type { JobId } from "@tendril/core/job-id";

/** A line that a handler wrote with `job.log`. */
export interface LogLine {
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What a handler did in an attempt, whatever came of it. */
export interface Attempted {
  readonly logs: LogLine[];
  /** Ids of what it enqueued. */
  readonly followUps: JobId[];
  /** What it threw, and nothing when it did not throw. */
  thrown: { readonly value: unknown } | undefined;
}

/** Handlers that are watched while they run. */
export interface WatchedHandlers {
  readonly handlers: readonly Handler[];
  /** What the job's last attempt has done, and forgets it. */
  take(id: string): Attempted;
}

/** Watches handlers: they are given what they are given otherwise, and what they do is noted; idempotency keys in `keys`. */
export function watchHandlers(handlers: readonly Handler[], keys: Map<string, string>): WatchedHandlers {
  const attempts = new Map<string, Attempted>();
  const watch = (handler: Handler): Handler => ({
    spec: handler.spec,
    async run(input, job) {
      const attempt: Attempted = { logs: [], followUps: [], thrown: undefined };
      attempts.set(job.id, attempt);
      try {
        return await handler.run(input, watchContext(job, attempt, keys));
      } catch (value) {
        attempt.thrown = { value };
        throw value;
      }
    },
  });
  return {
    handlers: handlers.map(watch),
    take(id) {
      const attempt = attempts.get(id);
      attempts.delete(id);
      return attempt ?? { logs: [], followUps: [], thrown: undefined };
    },
  };
}

function watchContext(job: JobContext, attempt: Attempted, keys: Map<string, string>): JobContext {
  const log: Log = (message, facts = {}) => {
    attempt.logs.push({ message, facts });
    job.log(message, facts);
  };
  const enqueue: Enqueue = async (spec, input, options) => {
    const id = await job.enqueue(spec, input, options);
    attempt.followUps.push(id);
    if (options?.key !== undefined) keys.set(id, options.key);
    return id;
  };
  // With what the context has under other property attributes: a getter that makes a client, what is not enumerable.
  return Object.defineProperties(
    { ...Object.create(null), log, enqueue },
    Object.fromEntries(
      Object.entries(Object.getOwnPropertyDescriptors(job)).filter(([name]) => name !== "log" && name !== "enqueue"),
    ),
  );
}
