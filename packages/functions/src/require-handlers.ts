import { TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import type { JobSpec } from "@tendril/core/job";

/**
 * All the handlers, those of other queues too: a job type that has moved to another queue may still have messages here.
 * Error: `handler_missing`, naming every job type of the queue that has none.
 */
export function requireHandlers(
  queue: string,
  jobs: readonly JobSpec[],
  handlers: readonly Handler[],
): readonly Handler[] {
  const missing = jobs
    .filter((job) => job.queue === queue && !handlers.some((handler) => handler.spec.type === job.type))
    .map((job) => job.type);
  if (missing.length === 0) return handlers;
  throw new TendrilError("handler_missing", {
    where: "packages/jobs/src/handlers.ts",
    given: `no handler of ${missing.join(", ")}`,
    allowed: `a handler of each job type on the queue ${JSON.stringify(queue)}`,
    fix: "Write it with `handle(…)`, and put it into the list `handlers`.",
  });
}
