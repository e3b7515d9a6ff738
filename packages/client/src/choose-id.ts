import type { JobSpec } from "@tendril/core/job";
import { type JobId, type JobSeal, keyedJobId, newJobId } from "@tendril/core/job-id";
import type { EnqueueOptions } from "./client-interface.ts";
import { type OutgoingOptions, routeMessages } from "./outgoing.ts";
import { randomBytes16 } from "./random-bytes.ts";

/** Makes the id of a new job. */
export type NewId = (seal: JobSeal) => JobId;

/** Makes ids (UUIDv7) that tell for which job type and queue they were given. `now`: milliseconds since 1970. */
export function sealingIds(now: () => number): NewId {
  return (seal) => newJobId(now(), randomBytes16(), seal);
}

/** A job's id: the one that is given, that its key makes, or a new one. Errors: those of `routeMessages`. */
export function chooseId(
  spec: JobSpec,
  { id, key, ...where }: EnqueueOptions,
  to: Pick<OutgoingOptions, "queues" | "nowMs"> & { readonly newId: NewId },
): JobId {
  const { link } = routeMessages(spec, { ...where, ...to });
  return id ?? (key === undefined ? to.newId({ type: spec.type, queueUrl: link.url }) : keyedJobId(spec.type, key));
}
