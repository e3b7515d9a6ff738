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
 * How a resource is made that holds what nobody can make again: in production neither `sst deploy` nor `sst remove`
 * deletes it. It is protected, so that a change for which AWS would need a new one ends the deployment, and a deployment
 * with TENDRIL_UNPROTECT=1 lets that change pass; the old one is still there afterwards.
 */
export const outlives = { retainOnDelete: production, protect: production && process.env.TENDRIL_UNPROTECT !== "1" };

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
