import { kindOf, TendrilError } from "./errors.ts";
import { type JobId, parseJobId, scheduledJobId } from "./job-id.ts";

/** Names of the message attributes that Tendril reads and writes; the `beanstalk.` ones are Elastic Beanstalk's own. */
export const attributeNames = {
  jobId: "tendril.job_id",
  jobType: "tendril.job_type",
  error: "tendril.error",
  claim: "tendril.claim",
  overlap: "tendril.overlap",
  path: "beanstalk.sqsd.path",
  taskName: "beanstalk.sqsd.task_name",
  scheduledTime: "beanstalk.sqsd.scheduled_time",
} as const;

/** The body of a scheduled message, as Elastic Beanstalk's daemon sends it. */
export const scheduledBody = "elasticbeanstalk scheduled job";

/**
 * The longest message, in bytes: body and attributes (names, types, values) together.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
export const longestMessageBytes = 1_048_576;

/** A message as any consumer of SQS sees it; `attributes` are its string and number attributes. */
export interface WireMessage {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A job's message on its way to a queue. */
export interface OutgoingMessage {
  /** The job's id. */
  readonly id: JobId;
  /** The queue's name in the tier. */
  readonly queue: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 before which it must not be delivered. Default: at once. */
  readonly notBeforeMs?: number;
  /** The message group. Default: on a FIFO queue the job type, none on a standard one. */
  readonly group?: string;
}

/** A job as its message carries it; `input` is not checked yet. */
export interface WireJob {
  readonly id: JobId;
  readonly type: string;
  readonly input: unknown;
  readonly schedule?: { readonly name: string; readonly scheduledAt: Date };
  /** `skip`: this run of a schedule is not to start while another run of the task is unfinished. */
  readonly overlap?: "skip";
}

/** A message that could be read as a job, or the reason why not. */
export type Reading =
  | { readonly kind: "job"; readonly job: WireJob }
  | { readonly kind: "unreadable"; readonly error: TendrilError };

/** Reads a message: the original worker tier's body `{"job_type": …, "data": …}`, or a schedule's. Never throws. */
export function readMessage(message: WireMessage): Reading {
  try {
    const scheduled = message.attributes[attributeNames.taskName] !== undefined;
    return { kind: "job", job: scheduled ? readScheduled(message) : readSent(message) };
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "unreadable", error };
    throw error;
  }
}

/** The body and the attributes of a job's message. */
export function writeMessage(job: { readonly id: JobId; readonly type: string; readonly input: unknown }): {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
} {
  return {
    body: messageJson({ job_type: job.type, data: job.input }),
    attributes: { [attributeNames.jobId]: job.id },
  };
}

/**
 * JSON for a message's body. SQS takes no U+FFFE and U+FFFF, which JSON leaves as they are: as `\uFFFE` they pass, and
 * mean the same. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function messageJson(value: object): string {
  return JSON.stringify(value).replace(/[\uFFFE\uFFFF]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** A message's size as SQS counts it, in bytes: the body in UTF-8, and each attribute's name, type and value. */
export function messageBytes(message: {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}): number {
  const attributes = Object.entries(message.attributes).map(([name, value]) => `${name}String${value}`);
  return utf8Bytes(message.body) + attributes.reduce((sum, text) => sum + utf8Bytes(text), 0);
}

/** Reads a JSON object. Errors: `body_not_json`, `body_not_object`. The text itself never stands in the error. */
export function parseJsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TendrilError("body_not_json", {
      where: "body",
      given: text === "" ? "nothing" : `${text.length} characters that are not JSON`,
      allowed: 'a JSON object such as {"data": "…"}',
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TendrilError("body_not_object", {
    where: "body",
    given: kindOf(value),
    allowed: 'a JSON object such as {"data": "…"}',
  });
}

function readSent(message: WireMessage): WireJob {
  const { job_type: type, data } = parseJsonObject(message.body);
  if (typeof type !== "string" || type === "") {
    throw new TendrilError("job_type_missing", {
      where: "job_type",
      given: kindOf(type),
      allowed: "the name of a job type",
      fix: 'Send {"job_type": "IncrementJob", "data": …}.',
    });
  }
  const id = message.attributes[attributeNames.jobId];
  return { id: parseJobId(id ?? message.messageId, attributeNames.jobId), type, input: data };
}

function readScheduled(message: WireMessage): WireJob {
  const name = message.attributes[attributeNames.taskName] ?? "";
  const scheduledAt = parseScheduledTime(message.attributes[attributeNames.scheduledTime]);
  const input = message.body === scheduledBody ? undefined : parseJsonObject(message.body).data;
  return {
    id: scheduledJobId(name, scheduledAt.getTime()),
    type: message.attributes[attributeNames.jobType] ?? routedType(message.attributes[attributeNames.path]),
    input,
    schedule: { name, scheduledAt },
    ...(message.attributes[attributeNames.overlap] === "skip" ? { overlap: "skip" } : {}),
  };
}

/** The job type that a task's url leads to: `/job/post/TYPE`, as in the original worker tier. */
function routedType(path: string | undefined): string {
  const type = jobTypeOfPath(path ?? "");
  if (type !== undefined) return type;
  throw new TendrilError("schedule_route_unknown", {
    where: attributeNames.path,
    given: path === undefined ? "no path" : "another path",
    allowed: "/job/post/JOB_TYPE",
    fix: "Name the job type in cron.yaml with `job:`, or let `url` be /job/post/JOB_TYPE.",
  });
}

/** The job type in a url of the original worker tier, `/job/post/TYPE`; undefined for any other url. */
export function jobTypeOfPath(path: string): string | undefined {
  return /^\/job\/post\/([A-Za-z][A-Za-z0-9_-]{0,79})$/.exec(path)?.[1];
}

/** Reads both forms: EventBridge Scheduler's `2026-11-20T10:00:00Z` and Elastic Beanstalk's `2026-11-20 10:00:00 UTC`. */
function parseScheduledTime(text: string | undefined): Date {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:Z| UTC)$/.exec(text ?? "");
  const time = new Date(match === null ? Number.NaN : `${match[1]}T${match[2]}Z`);
  if (!Number.isNaN(time.getTime())) return time;
  throw new TendrilError("schedule_route_unknown", {
    where: attributeNames.scheduledTime,
    given: text === undefined ? "nothing" : "a text that is no time",
    allowed: "a time such as 2026-11-20T10:00:00Z or 2026-11-20 10:00:00 UTC",
  });
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // Four bytes for both halves of a pair.
    if (unit >> 10 === 0x36 && text.charCodeAt(index + 1) >> 10 === 0x37) index += 1;
  }
  return bytes;
}
