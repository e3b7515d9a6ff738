/** What other AWS services send to a queue, and how their envelopes become jobs. */
import { TendrilError } from "./errors.ts";
import type { JobSpec } from "./job.ts";
import { type JobId, parseJobId, sourcedJobId } from "./job-id.ts";
import { attributeNames, type Reading, readMessage, type WireJob, type WireMessage } from "./message.ts";
import { s3Keys, s3ObjectOf, s3Records } from "./s3-notification.ts";
import { invalidEnvelope, isObject, type Members, parseBase64Text, parseJson, stringAt } from "./source-payload.ts";

/**
 * A source of a queue: what arrives from there becomes a job of one type. `topic`, `bus`, `bucket` and `stream` are the
 * ARN of one that exists, or a name of 1 to 20 lower-case letters, digits and `-`, of which the deployment makes one.
 */
export type SourceOptions = SnsSource | EventBridgeSource | S3Source | KinesisSource;

interface AnySource {
  /** A job type of this queue. */
  readonly job: JobSpec;
}

/** The messages of an SNS topic (a standard one). The job's id comes from SNS's `MessageId`. */
export interface SnsSource extends AnySource {
  readonly from: "sns";
  readonly topic: string;
  /** The message as the job's input: its JSON, or its text as it is. Default `"json"`. */
  readonly input?: "json" | "text";
  /**
   * Raw message delivery: the message comes without SNS's envelope, so without its id, and a delivery that SNS repeats is a
   * job of its own. Such a source is the only one of its queue. Default false.
   * https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
   */
  readonly raw?: boolean;
}

/** The events of an EventBridge bus that match a pattern. The job's id comes from the event's `id`. */
export interface EventBridgeSource extends AnySource {
  readonly from: "eventbridge";
  /** Default: the account's default bus. */
  readonly bus?: string;
  /** As EventBridge has it: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html */
  readonly pattern: Readonly<Record<string, unknown>>;
  /** The event's detail as the job's input, or the whole event. Default `"detail"`. */
  readonly input?: "detail" | "event";
}

/**
 * What happens to the objects of an S3 bucket. The job's input is a list of `S3Object` (s3-notification.ts), nearly always
 * of one. Its id comes from bucket, key, version, event and sequencer. The notifications of a bucket that exists are taken
 * over whole.
 */
export interface S3Source extends AnySource {
  readonly from: "s3";
  readonly bucket: string;
  /** Default `["s3:ObjectCreated:*"]`. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html */
  readonly events?: readonly string[];
  /** How keys must begin, and end. Default: anyhow. */
  readonly prefix?: string;
  readonly suffix?: string;
}

/** The records of a Kinesis stream, through an EventBridge pipe. The job's id comes from stream, shard and sequence number. */
export interface KinesisSource extends AnySource {
  readonly from: "kinesis";
  readonly stream: string;
  /** The record's data as the job's input: its JSON, its text (UTF-8), or base64 as Kinesis gives it. Default `"json"`. */
  readonly input?: "json" | "text" | "base64";
}

/** A source in the plan: `name` is its own in the whole tier. */
export type Source = Planned<SourceOptions>;

type Planned<Options> = Options extends AnySource
  ? Omit<Options, "job"> & { readonly name: string; readonly queue: string; readonly jobType: string }
  : never;

/** Gives the sources of a queue their names. */
export function namedSources(queue: string, sources: readonly SourceOptions[] = []): readonly Source[] {
  const seen = new Map<string, number>();
  return sources.map(({ job, ...source }) => {
    const name = `${queue}-${job.type}-${source.from}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...source, name: count === 1 ? name : `${name}-${count}`, queue, jobType: job.type };
  });
}

/** A message that could be read as a job, one that no job is made of, or the reason why it cannot be read. */
export type SourcedReading = Reading | { readonly kind: "ignored"; readonly reason: string };

/**
 * Reads a message of a queue that has sources: a job's own message as `readMessage` does, or the envelope of a source.
 * Never throws. Errors in what it gives: those of `readMessage`, `envelope_unknown`, `envelope_invalid`.
 */
export function readSourced(message: WireMessage, sources: readonly Source[]): SourcedReading {
  if (sources.length === 0) return readMessage(message);
  const body = objectIn(message.body);
  if (isJobMessage(message, body)) return readMessage(message);
  try {
    const raw = sources.find((source) => source.from === "sns" && source.raw === true);
    if (raw !== undefined)
      return jobOf(raw, payload(raw, message.body, "body"), idOf(message, parseJobId(message.messageId)));
    if (body === undefined) throw unknownEnvelope("a body that is no JSON object", sources);
    return readEnvelope(message, body, sources);
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "unreadable", error };
    throw error;
  }
}

function isJobMessage({ attributes }: WireMessage, body: Members | undefined): boolean {
  return attributes[attributeNames.taskName] !== undefined || (body !== undefined && Object.hasOwn(body, "job_type"));
}

function readEnvelope(message: WireMessage, body: Members, sources: readonly Source[]): SourcedReading {
  const from = kindOfEnvelope(body);
  const candidates = sources.filter((source) => source.from === from);
  if (from === undefined || candidates.length === 0) throw unknownEnvelope(wordEnvelope(from), sources);
  if (from === "s3" && body.Event === "s3:TestEvent") {
    return { kind: "ignored", reason: "S3 tries out whether it may send to the queue" };
  }
  const source = candidates.length === 1 ? candidates[0] : candidates.find((each) => isFrom(each, body));
  if (source === undefined) throw unknownEnvelope(`${wordEnvelope(from)} of none of the queue's sources`, sources);
  const { input, keys } = unwrap(source, body);
  return jobOf(source, input, idOf(message, sourcedJobId(source.jobType, [from, ...keys])));
}

function jobOf(source: Source, input: unknown, id: JobId): { readonly kind: "job"; readonly job: WireJob } {
  return { kind: "job", job: { id, type: source.jobType, input } };
}

/** A dead letter that is sent back says its id; so may a producer behind raw delivery. */
function idOf({ attributes }: WireMessage, fromEnvelope: JobId): JobId {
  const given = attributes[attributeNames.jobId];
  return given === undefined ? fromEnvelope : parseJobId(given, attributeNames.jobId);
}

function kindOfEnvelope(body: Members): Source["from"] | undefined {
  if (typeof body.Type === "string" && "TopicArn" in body) return "sns";
  if (body.Event === "s3:TestEvent") return "s3";
  if (body.eventSource === "aws:kinesis") return "kinesis";
  if (typeof body["detail-type"] === "string") return "eventbridge";
  return Array.isArray(body.Records) &&
    body.Records.some((record) => isObject(record) && record.eventSource === "aws:s3")
    ? "s3"
    : undefined;
}

/** Whether an envelope is of this source, of several of its kind. */
function isFrom(source: Source, body: Members): boolean {
  switch (source.from) {
    case "sns":
      return isNamed(body.TopicArn, source.topic);
    case "kinesis":
      return isNamed(body.eventSourceARN, source.stream);
    case "eventbridge":
      return listed(source.pattern["detail-type"], body["detail-type"]) && listed(source.pattern.source, body.source);
    case "s3":
      return s3Records(body).some((record) => isObject(record.s3) && record.s3.configurationId === source.name);
  }
}

/** Whether an ARN is the one that a source gives, or of what the deployment has made of its name. */
function isNamed(arn: unknown, given: string): boolean {
  return (
    typeof arn === "string" && (arn === given || arn.endsWith(`-${given}`) || /[:/]([^:/]*)$/.exec(arn)?.[1] === given)
  );
}

/** Whether a pattern's plain list has the value; a list that is missing, or not plain, leaves all values open. */
function listed(list: unknown, value: unknown): boolean {
  return !isPlainList(list) || list.some((each) => each === value);
}

/** Whether a pattern names plain texts, so that two of them can be told apart. */
export function isPlainList(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every((each) => typeof each === "string");
}

interface Unwrapped {
  readonly input: unknown;
  /** What makes the delivery the same as a repeated one. */
  readonly keys: readonly string[];
}

function unwrap(source: Source, body: Members): Unwrapped {
  switch (source.from) {
    case "sns": {
      if (body.Type !== "Notification")
        throw invalidEnvelope("Type", "another type than a notification", '"Notification"');
      return { input: payload(source, stringAt(body, "Message"), "Message"), keys: [stringAt(body, "MessageId")] };
    }
    case "eventbridge": {
      if (!("detail" in body)) throw invalidEnvelope("detail", "nothing", "the event's detail");
      return { input: source.input === "event" ? body : body.detail, keys: [stringAt(body, "id")] };
    }
    case "kinesis":
      return {
        input: payload(source, stringAt(body, "data"), "data"),
        keys: [stringAt(body, "eventSourceARN"), stringAt(body, "eventID")],
      };
    case "s3": {
      const objects = s3Records(body).map(s3ObjectOf);
      return { input: objects, keys: objects.flatMap(s3Keys) };
    }
  }
}

function payload(source: Source, text: string, where: string): unknown {
  if (source.from === "kinesis" && source.input === "base64") return text;
  const plain = source.from === "kinesis" ? parseBase64Text(text, where) : text;
  return "input" in source && source.input === "text" ? plain : parseJson(plain, where);
}

function objectIn(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const envelopeWords = {
  sns: "an SNS notification",
  eventbridge: "an EventBridge event",
  s3: "an S3 notification",
  kinesis: "a Kinesis record",
} as const;

function wordEnvelope(from: Source["from"] | undefined): string {
  return from === undefined ? "an object that is neither a job nor a known envelope" : envelopeWords[from];
}

function unknownEnvelope(given: string, sources: readonly Source[]): TendrilError {
  const envelopes = [...new Set(sources.map(({ from }) => envelopeWords[from]))];
  return new TendrilError("envelope_unknown", {
    where: "body",
    given,
    allowed: ['{"job_type": …, "data": …}', ...envelopes].join(" or "),
    fix: "Name what sends it in the queue's `sources`, or stop it from sending.",
  });
}
