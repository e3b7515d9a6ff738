/** What depends on the stage: `production` is kept and protected, every other one is somebody's own and goes with them. */
import { createHash } from "node:crypto";

/** Whether this stage is the one whose data must outlive mistakes. */
export const production = $app.stage === "production";

if (production && $dev) {
  // While `sst dev` is not running, its stand-in functions answer a batch with success, and SQS deletes the jobs.
  throw new Error(
    "sst dev: given the stage production, allowed any other. Production's jobs would be lost: deploy it.",
  );
}

/**
 * App, stage and, if given, a part of them as one name, at most 64 characters: for what SST does not name, and AWS wants
 * unique in the account. A dot stands before the part, since no stage's name has one. A stage that is too long is cut, and
 * told apart by its hash.
 */
export function stageName(part?: string): string {
  const name = `${$app.name}-${$app.stage}${part === undefined ? "" : `.${part}`}`;
  if (name.length <= 64) return name;
  return `${name.slice(0, 55)}-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}
