import { longestClaimBytes } from "@tendril/core/claim-check";
import { TendrilError } from "@tendril/core/errors";
import { type JobSpec, parseInput } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { attributeNames, longestMessageBytes, messageJson, type OutgoingMessage } from "@tendril/core/message";
import type { Claims } from "./claims.ts";
import { type JobMessage, writeJobMessage } from "./job-message.ts";
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
  /** Where bodies go that are too large for a message. Default: they are refused. */
  readonly claims?: Claims | undefined;
  /** Ends the writing of such a body. */
  readonly signal?: AbortSignal | undefined;
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
 * What this returns, the sender can send: a body that is too large for a message is in S3 by then, and the message has a
 * claim check in its place, but not for a job that waits longer than SQS can delay it: S3 would not keep it for as long.
 * Errors: `input_invalid`, `body_too_large`, `queue_unknown`, `duration_invalid`, `aws_call_failed` (S3).
 */
export async function writeOutgoing(spec: JobSpec, input: unknown, options: OutgoingOptions): Promise<OutgoingMessage> {
  const { link, ...route } = routeMessages(spec, options);
  const { id, claims, signal } = options;
  const longestBytes = claims === undefined ? longestMessageBytes : longestClaimBytes;
  const written = writeJobMessage({ id, type: spec.type, input }, longestBytes);
  const { data }: { data?: unknown } = JSON.parse(written.body);
  await parseInput(spec, data);
  const { body, attributes } = written;
  const message: OutgoingMessage = { id, body, attributes, ...route };
  if (needsSchedule(message, link, options.nowMs)) scheduleInput(message, link);
  else if (claims !== undefined && written.bytes > longestMessageBytes) {
    return { ...message, ...(await checkIn(spec, written, claims, signal)) };
  }
  return message;
}

async function checkIn(
  { type }: JobSpec,
  { id, body, attributes }: JobMessage,
  claims: Claims,
  signal: AbortSignal | undefined,
): Promise<Pick<OutgoingMessage, "body" | "attributes">> {
  const { key } = await claims.put(id, body, signal);
  return { body: messageJson({ job_type: type }), attributes: { ...attributes, [attributeNames.claim]: key } };
}
