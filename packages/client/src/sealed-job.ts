import { isSealed, type JobId, madeAtMs } from "@tendril/core/job-id";
import type { JobRecord } from "@tendril/core/job-record";
import type { QueueLink } from "@tendril/core/link";

/**
 * A job of which nothing is known but its id, when the id tells that it was given for one of these job types and queues:
 * it has not begun. Undefined for any other id.
 */
export function readSealedId(
  id: JobId,
  types: readonly string[],
  queues: Readonly<Record<string, QueueLink>>,
): JobRecord | undefined {
  const madeMs = madeAtMs(id);
  if (madeMs === undefined) return undefined;
  for (const type of types) {
    for (const [queue, { url }] of Object.entries(queues)) {
      if (!isSealed(id, { type, queueUrl: url })) continue;
      return { id, type, queue, state: "queued", attempts: 0, enqueuedAt: new Date(madeMs) };
    }
  }
  return undefined;
}
