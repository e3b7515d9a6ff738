import { AwsError } from "../wire/aws-error.ts";
import { invalidParameter, invalidValue } from "./errors.ts";

/** What a queue's attributes say, in this machine's units. */
export interface QueueSettings {
  readonly visibilityMs: number;
  readonly delayMs: number;
  readonly maxMessageBytes: number;
  readonly retentionMs: number;
  readonly receiveWaitMs: number;
  readonly redrive: Redrive | undefined;
  readonly contentBasedDeduplication: boolean;
  readonly deduplicatesPerGroup: boolean;
}

export interface Redrive {
  readonly deadLetterArn: string;
  readonly maxReceiveCount: number;
}

/** The longest body, attributes included, of a message and of a batch, in bytes: 1 MiB. */
export const maxMessageBytes = 1_048_576;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
const ranges = new Map<string, readonly [number, number]>([
  ["VisibilityTimeout", [0, 43_200]],
  ["DelaySeconds", [0, 900]],
  ["MaximumMessageSize", [1_024, maxMessageBytes]],
  ["MessageRetentionPeriod", [60, 1_209_600]],
  ["ReceiveMessageWaitTimeSeconds", [0, 20]],
  ["KmsDataKeyReusePeriodSeconds", [60, 86_400]],
]);
const flags = new Set(["FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"]);
const fifoFlags = new Set(["FifoQueue", "ContentBasedDeduplication"]);
const fifoChoices = new Map<string, readonly string[]>([
  ["DeduplicationScope", ["messageGroup", "queue"]],
  ["FifoThroughputLimit", ["perQueue", "perMessageGroupId"]],
]);
const documents = new Set(["Policy", "RedrivePolicy", "RedriveAllowPolicy"]);

const defaults: Readonly<Record<string, string>> = {
  VisibilityTimeout: "30",
  DelaySeconds: "0",
  MaximumMessageSize: String(maxMessageBytes),
  MessageRetentionPeriod: "345600",
  ReceiveMessageWaitTimeSeconds: "0",
  SqsManagedSseEnabled: "true",
};
const fifoDefaults: Readonly<Record<string, string>> = {
  ...defaults,
  FifoQueue: "true",
  ContentBasedDeduplication: "false",
  DeduplicationScope: "queue",
  FifoThroughputLimit: "perQueue",
};

type Attributes = Readonly<Record<string, string>>;

/** The attributes of a queue for which none were given. */
export function defaultAttributes(fifo: boolean): Attributes {
  return fifo ? fifoDefaults : defaults;
}

/** Attributes as SQS keeps them: flags in lower case. Throws AWS's error for the first that it would refuse. */
export function checkAttributes(given: Attributes, fifo: boolean): Attributes {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    checkAttribute(name, value, fifo);
    checked[name] = flags.has(name) ? value.toLowerCase() : value;
  }
  if (checked.KmsMasterKeyId && checked.SqsManagedSseEnabled === "true") {
    throw new AwsError(
      "InvalidAttributeName",
      "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
    );
  }
  return checked;
}

function checkAttribute(name: string, value: string, fifo: boolean): void {
  const range = ranges.get(name);
  const choices = fifoChoices.get(name);
  if (range) {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : -1;
    if (number < range[0] || number > range[1]) throw invalidAttributeValue(name);
  } else if (choices) {
    if (!fifo)
      throw new AwsError("InvalidAttributeName", `You can specify the ${name} only when FifoQueue is set to true.`);
    if (!choices.includes(value)) throw invalidAttributeValue(name);
  } else if (flags.has(name)) {
    if (!fifo && fifoFlags.has(name)) throw unknownAttribute(name);
    if (name === "FifoQueue" && value.toLowerCase() !== "true") {
      throw invalidAttributeValue(name, " Reason: Modifying queue type is not supported.");
    }
    if (!/^(true|false)$/i.test(value)) throw invalidAttributeValue(name);
  } else if (documents.has(name)) {
    if (value !== "" && !isJsonObject(value)) throw invalidValue(name, value, `${name} is not a valid JSON map.`);
  } else if (name !== "KmsMasterKeyId") {
    throw unknownAttribute(name);
  }
}

function invalidAttributeValue(name: string, reason = ""): AwsError {
  return new AwsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.${reason}`);
}

function unknownAttribute(name: string): AwsError {
  return new AwsError("InvalidAttributeName", `Unknown Attribute ${name}.`);
}

/** A queue's attributes after some were set: an empty document or key is none, and one kind of encryption ends the other. */
export function mergeAttributes(current: Attributes, changes: Attributes): Attributes {
  const merged = { ...current, ...changes };
  for (const name of documents) if (merged[name] === "") delete merged[name];
  if (changes.KmsMasterKeyId) merged.SqsManagedSseEnabled = "false";
  if (changes.KmsMasterKeyId === "" || changes.SqsManagedSseEnabled === "true") {
    delete merged.KmsMasterKeyId;
    delete merged.KmsDataKeyReusePeriodSeconds;
  }
  return merged;
}

/** Reads a queue's attributes, which `checkAttributes` and `checkRedrive` have checked. */
export function readSettings(attributes: Attributes): QueueSettings {
  const milliseconds = (name: string): number => Number(attributes[name] ?? defaults[name]) * 1_000;
  return {
    visibilityMs: milliseconds("VisibilityTimeout"),
    delayMs: milliseconds("DelaySeconds"),
    maxMessageBytes: Number(attributes.MaximumMessageSize ?? maxMessageBytes),
    retentionMs: milliseconds("MessageRetentionPeriod"),
    receiveWaitMs: milliseconds("ReceiveMessageWaitTimeSeconds"),
    redrive: readRedrive(attributes.RedrivePolicy),
    contentBasedDeduplication: attributes.ContentBasedDeduplication === "true",
    deduplicatesPerGroup: attributes.DeduplicationScope === "messageGroup",
  };
}

function readRedrive(policy: string | undefined): Redrive | undefined {
  if (!policy) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = readDocument(policy);
  return { deadLetterArn: String(deadLetterTargetArn), maxReceiveCount: Number(maxReceiveCount) };
}

/** What `checkRedrive` must know of the queue that is to take dead letters. */
export interface DeadLetterQueue {
  readonly fifo: boolean;
  readonly attributes: Attributes;
}

/** Throws AWS's error when a queue cannot have this redrive policy. `find` finds a queue by its ARN. */
export function checkRedrive(
  policy: string | undefined,
  source: { arn: string; fifo: boolean },
  find: (arn: string) => DeadLetterQueue | undefined,
): void {
  if (!policy) return;
  const refuse = (reason: string): AwsError => invalidValue("RedrivePolicy", policy, reason);
  const { deadLetterTargetArn: arn, maxReceiveCount } = readDocument(policy);
  if (arn === undefined) throw invalidParameter("The required parameter 'deadLetterTargetArn' is missing");
  if (maxReceiveCount === undefined) throw invalidParameter("The required parameter 'maxReceiveCount' is missing");
  if (typeof arn !== "string" || !/^arn:[^:]+:sqs:[^:]+:\d+:[^:]+$/.test(arn)) {
    throw refuse("Invalid value for deadLetterTargetArn.");
  }
  if (!/^\d+$/.test(String(maxReceiveCount)) || Number(maxReceiveCount) < 1 || Number(maxReceiveCount) > 1_000) {
    throw refuse(
      `Invalid value for maxReceiveCount: ${maxReceiveCount}, valid values are from 1 to 1000 both inclusive.`,
    );
  }
  const target = arn === source.arn ? undefined : find(arn);
  if (!target) throw refuse("Dead letter target does not exist.");
  if (target.fifo !== source.fifo) throw refuse("Dead-letter queue must be same type of queue as the source.");
  if (!allowsRedrive(target.attributes.RedriveAllowPolicy, source.arn)) {
    throw refuse("The dead-letter queue's RedriveAllowPolicy does not allow this queue.");
  }
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html */
function allowsRedrive(policy: string | undefined, sourceArn: string): boolean {
  if (!policy) return true;
  const { redrivePermission, sourceQueueArns } = readDocument(policy);
  if (redrivePermission === "denyAll") return false;
  return redrivePermission !== "byQueue" || (Array.isArray(sourceQueueArns) && sourceQueueArns.includes(sourceArn));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The text was checked to be a JSON object when it came in. */
function readDocument(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(text) as Record<string, unknown>;
}
