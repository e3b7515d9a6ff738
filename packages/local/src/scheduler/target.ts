import { randomUUID } from "node:crypto";
import type { MessageAttributeValue, SendMessageRequest } from "@aws-sdk/client-sqs";
import { invalid } from "./constraints.ts";

/** What a schedule calls: SQS's SendMessage as a universal target, or a queue as a templated one. */
export interface Target {
  readonly arn: string;
  readonly roleArn: string;
  readonly input?: string | undefined;
  /** Of a templated target: the FIFO queue's message group. */
  readonly messageGroupId?: string | undefined;
}

/** One attempt to run a schedule. */
export interface Attempt {
  readonly scheduleArn: string;
  /** Milliseconds since 1970. */
  readonly scheduledTimeMs: number;
  /** AWS's are 16 characters, a new one for each attempt. */
  readonly executionId: string;
  /** Counted from 1. */
  readonly number: number;
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html */
const universalArn = /^arn:aws[a-z-]*:scheduler:::aws-sdk:[a-z0-9]+:[a-zA-Z0-9]+$/;
const sendMessageArn = /^arn:aws[a-z-]*:scheduler:::aws-sdk:sqs:sendMessage$/;
const queueArn = /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}(\.fifo)?$/;

/** 256 KiB: https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html */
const maxInputBytes = 262_144;

/** Throws `ValidationException` for a target that AWS would refuse, or that nothing on this machine can serve. */
export function checkTarget(target: Target): void {
  if (Buffer.byteLength(target.input ?? "") > maxInputBytes) {
    throw invalid(`The Input of a target must not be longer than ${maxInputBytes} bytes.`);
  }
  if (queueArn.test(target.arn)) return;
  if (sendMessageArn.test(target.arn)) {
    messageOf(target, sampleAttempt);
    return;
  }
  if (universalArn.test(target.arn) || /^arn:aws[a-z-]*:[a-z0-9-]+:/.test(target.arn)) {
    throw invalid(`${target.arn} cannot be served on this machine: only SQS queues and aws-sdk:sqs:sendMessage can.`);
  }
  throw invalid("Provided Arn is not in correct format.");
}

const sampleAttempt: Attempt = {
  scheduleArn: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/sample",
  scheduledTimeMs: 0,
  executionId: "0000000000000000",
  number: 1,
};

/** The call to SQS that an attempt makes. Throws `ValidationException` when the target's input is not one. */
export function messageOf(target: Target, attempt: Attempt): SendMessageRequest {
  if (sendMessageArn.test(target.arn)) return readSendMessage(withContext(target.input ?? "{}", attempt));
  return {
    QueueUrl: queueUrlOf(target.arn),
    MessageBody: payloadOf(target, attempt),
    MessageGroupId: target.messageGroupId,
  };
}

/** The target's input for an attempt, or what AWS sends when it has none. */
export function payloadOf(target: Target, attempt: Attempt): string {
  return target.input === undefined ? defaultNotification(attempt) : withContext(target.input, attempt);
}

/** Where AWS has the queue of this ARN; the local SQS reads the account and the name only. */
export function queueUrlOf(arn: string): string {
  const [, , , region, account, name] = arn.split(":");
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}

/** In seconds, as AWS writes it: `2026-11-20T10:00:00Z`. */
export function scheduledTimeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
function withContext(input: string, attempt: Attempt): string {
  return input
    .replaceAll("<aws.scheduler.schedule-arn>", attempt.scheduleArn)
    .replaceAll("<aws.scheduler.scheduled-time>", scheduledTimeText(attempt.scheduledTimeMs))
    .replaceAll("<aws.scheduler.execution-id>", attempt.executionId)
    .replaceAll("<aws.scheduler.attempt-number>", String(attempt.number));
}

/** What AWS sends for a target without an input. */
function defaultNotification(attempt: Attempt): string {
  const [, , , region, account] = attempt.scheduleArn.split(":");
  return JSON.stringify({
    version: "0",
    id: randomUUID(),
    "detail-type": "Scheduled Event",
    source: "aws.scheduler",
    account,
    time: scheduledTimeText(attempt.scheduledTimeMs),
    region,
    resources: [attempt.scheduleArn],
    detail: "{}",
  });
}

type Members = Readonly<Record<string, unknown>>;

const sendMessageMembers = [
  "QueueUrl",
  "MessageBody",
  "DelaySeconds",
  "MessageAttributes",
  "MessageSystemAttributes",
  "MessageDeduplicationId",
  "MessageGroupId",
];

function readSendMessage(input: string): SendMessageRequest {
  const members = readMembers(parseJson(input), "The Input");
  const missing = ["QueueUrl", "MessageBody"].filter((name) => members[name] === undefined);
  if (missing.length > 0) throw invalidRequest(`It is missing the following field(s): ${missing.join(", ")}`);
  const unknown = Object.keys(members).filter((name) => !sendMessageMembers.includes(name));
  if (unknown.length > 0) throw invalidRequest(`It has the following unknown field(s): ${unknown.join(", ")}`);
  return {
    QueueUrl: textOf(members, "QueueUrl"),
    MessageBody: textOf(members, "MessageBody"),
    DelaySeconds: numberOf(members, "DelaySeconds"),
    MessageAttributes: attributesOf(members, "MessageAttributes"),
    MessageSystemAttributes: attributesOf(members, "MessageSystemAttributes"),
    MessageDeduplicationId: textOf(members, "MessageDeduplicationId"),
    MessageGroupId: textOf(members, "MessageGroupId"),
  };
}

const invalidRequest = (reason: string) => invalid(`Invalid RequestJson provided. ${reason}.`);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidRequest("It is no JSON");
  }
}

function readMembers(value: unknown, what: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidRequest(`${what} is no object`);
  return Object.fromEntries(Object.entries(value));
}

function textOf(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalidRequest(`${name} is no string`);
}

function numberOf(members: Members, name: string): number | undefined {
  const value = members[name];
  if (value === undefined || (typeof value === "number" && Number.isInteger(value))) return value;
  throw invalidRequest(`${name} is no whole number`);
}

function attributesOf(members: Members, name: string): Record<string, MessageAttributeValue> | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  const attributes = Object.entries(readMembers(value, name));
  return Object.fromEntries(attributes.map(([key, attribute]) => [key, readAttribute(attribute, `${name}.${key}`)]));
}

function readAttribute(value: unknown, path: string): MessageAttributeValue {
  const members = readMembers(value, path);
  const binary = textOf(members, "BinaryValue");
  return {
    DataType: textOf(members, "DataType"),
    StringValue: textOf(members, "StringValue"),
    BinaryValue: binary === undefined ? undefined : Buffer.from(binary, "base64"),
  };
}
