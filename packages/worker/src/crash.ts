import { TendrilError } from "@tendril/core/errors";

/** The error of a job that is dead because earlier attempts ended without a word; `after`: how many, in words. */
export function crashed(after: string): TendrilError {
  return new TendrilError("job_crashed", {
    given: `its process ended while it ran (out of memory, process.exit, or a timeout of the function): ${after}`,
    allowed: "attempts that end with a result or an error",
    fix: "Look at the function's log for its last lines; give the worker more memory, or the job less to do at once.",
  });
}
