import { TendrilError } from "@tendril/core/errors";
import { type JobSpec, parseInput } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import type { OutgoingMessage } from "@tendril/core/message";
import { writeJobMessage } from "./job-message.ts";
import { needsSchedule, scheduleInput } from "./later.ts";
import { isFifo } from "./send-parameters.ts";
import { queueUnknown } from "./sender.ts";
import { readNotBefore, type WaitOptions } from "./wait-options.ts";

/** What a job's message needs besides its job type and input. */
export interface OutgoingOptions extends WaitOptions {
  readonly id: JobId;
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Default: the job type's own. */
  readonly queue?: string;
  /** The message group: 1 to 128 letters, digits and punctuation. Default: the job type on a FIFO queue, none on a standard one. */
  readonly group?: string;
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html */
const groupPattern = /^[\x21-\x7e]{1,128}$/;

/**
 * Where and when the messages of a job type go: what is the same for all of one call. Errors: `queue_unknown`,
 * `duration_invalid`, `input_invalid` (the group).
 */
export function routeMessages(
  spec: JobSpec,
  options: Omit<OutgoingOptions, "id">,
): Omit<OutgoingMessage, "id" | "body" | "attributes"> & { readonly link: QueueLink } {
  const { queues, queue = spec.queue } = options;
  const link = Object.hasOwn(queues, queue) ? queues[queue] : undefined;
  if (link === undefined) {
    const where = options.queue === undefined ? `${spec.type}.queue` : "queue";
    throw queueUnknown(queue, Object.keys(queues), where);
  }
  const notBeforeMs = readNotBefore(options, options.nowMs);
  const group = options.group ?? (isFifo(link) ? spec.type : undefined);
  if (group !== undefined && !groupPattern.test(group)) {
    const allowed = "1 to 128 letters, digits and punctuation of ASCII";
    throw new TendrilError("input_invalid", { where: "group", given: `${group.length} characters`, allowed });
  }
  return {
    queue,
    link,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(group === undefined ? {} : { group }),
  };
}

/**
 * Writes a job's message, and checks what a worker will read in it: Dates are texts by then, and undefined is absent.
 * What this returns, the sender can send. Errors: `input_invalid`, `body_too_large`, `queue_unknown`, `duration_invalid`.
 */
export async function writeOutgoing(spec: JobSpec, input: unknown, options: OutgoingOptions): Promise<OutgoingMessage> {
  const { link, ...route } = routeMessages(spec, options);
  const { id, body, attributes } = writeJobMessage({ id: options.id, type: spec.type, input });
  const { data }: { data?: unknown } = JSON.parse(body);
  await parseInput(spec, data);
  const message: OutgoingMessage = { id, body, attributes, ...route };
  if (needsSchedule(message, link, options.nowMs)) scheduleInput(message, link);
  return message;
}
