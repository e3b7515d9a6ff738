import { GetScheduleCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { readClaimCheck } from "@tendril/core/claim-check";
import type { InputOf, JobSpec } from "@tendril/core/job";
import { attributeNames, readMessage, type WireMessage } from "@tendril/core/message";
import type { QueuePlan } from "@tendril/core/plan";
import { readSourced, type Source, type SourcedReading } from "@tendril/core/source";
import { physicalName } from "@tendril/local/deploy-plan";
import type { TestAws } from "./test-aws.ts";

/** A job that is enqueued and not done: its message is in a queue, or a one-time schedule will send it. */
export interface Enqueued<Input = unknown> {
  /** The job's id, or the message's when no job can be read in it. */
  readonly id: string;
  /** `unknown` when no job can be read. */
  readonly type: string;
  readonly queue: string;
  /** As JSON carries it: a Date is a text. */
  readonly input: Input;
  /** How long until it can be delivered, in milliseconds; 0: now. */
  readonly delayMs: number;
  /** How often it was delivered so far. */
  readonly receives: number;
  readonly group?: string;
  /** The idempotency key; known when the job was enqueued through the kit or by a handler that ran in it. */
  readonly key?: string;
  /** Set when a schedule sent it. */
  readonly schedule?: { readonly name: string; readonly scheduledAt: Date };
}

/** A message in a dead-letter queue. */
export interface DeadLetter {
  /** The job's id; the letter's own when no job can be read in it. */
  readonly id: string;
  /** Absent when no job can be read. */
  readonly type?: string;
  readonly queue: string;
  /** Absent too when it lies in S3. */
  readonly input?: unknown;
  /** Why it is dead: what the last attempt threw. Absent when SQS itself moved it. */
  readonly error?: string;
  /** Which attempt it died of; 0 when its handler was not reached. */
  readonly attempt?: number;
  readonly group?: string;
}

/** A queue, and what may send to it. */
export interface WaitingRoom {
  readonly plan: QueuePlan;
  readonly sources: readonly Source[];
}

/** Jobs that wait, those that can be delivered first first. */
export async function readWaiting(aws: TestAws, rooms: readonly WaitingRoom[]): Promise<Enqueued[]> {
  const queued = (await Promise.all(rooms.map((room) => readQueue(aws, room)))).flat();
  const jobs = [...queued, ...(await readScheduled(aws, rooms))];
  return jobs.sort((a, b) => a.delayMs - b.delayMs);
}

function readQueue(aws: TestAws, { plan, sources }: WaitingRoom): Promise<Enqueued[]> {
  const nowMs = aws.clock.now();
  const messages = aws.sqs().messages(physicalName(plan));
  messages.sort((a, b) => a.sentMs - b.sentMs || Number(a.sequenceNumber ?? 0) - Number(b.sequenceNumber ?? 0));
  const reading = messages.map(async ({ id: messageId, body, attributes, visibleAtMs, receiveCount, groupId }) => {
    const wire = { messageId, body, attributes: textsOf(attributes) };
    return enqueuedOf(await withInput(readSourced(wire, sources), wire, aws), messageId, {
      queue: plan.name,
      delayMs: Math.max(0, visibleAtMs - nowMs),
      receives: receiveCount,
      ...(groupId === undefined ? {} : { group: groupId }),
    });
  });
  return Promise.all(reading);
}

/** The same job with its input, when that lies in S3. */
async function withInput(reading: SourcedReading, wire: WireMessage, { claims }: TestAws): Promise<SourcedReading> {
  const claim = wire.attributes[attributeNames.claim];
  if (reading.kind !== "job" || claim === undefined) return reading;
  const body = await claims?.get(readClaimCheck(claim, reading.job.id));
  return readMessage({ ...wire, body: new TextDecoder().decode(body) });
}

type Place = Pick<Enqueued, "queue" | "delayMs" | "receives" | "group">;

function enqueuedOf(reading: SourcedReading, messageId: string, place: Place): Enqueued {
  if (reading.kind !== "job") return { id: messageId, type: "unknown", input: undefined, ...place };
  const { id, type, input, schedule } = reading.job;
  return { id, type, input, ...place, ...(schedule === undefined ? {} : { schedule }) };
}

/** Jobs that wait longer than SQS can delay them. */
async function readScheduled(aws: TestAws, rooms: readonly WaitingRoom[]): Promise<Enqueued[]> {
  const { schedulerClient: client, later, clock } = aws;
  const found: Enqueued[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListSchedulesCommand({ GroupName: later.groupName, NextToken }));
    NextToken = page.NextToken;
    for (const { Name = "" } of page.Schedules ?? []) {
      const { Target } = await client.send(new GetScheduleCommand({ GroupName: later.groupName, Name }));
      const runMs = aws.scheduler().nextRun(later.groupName, Name);
      if (runMs === undefined) continue;
      found.push(...scheduledOf(Target?.Input ?? "{}", { aws, rooms, delayMs: Math.max(0, runMs - clock.now()) }));
    }
  } while (NextToken !== undefined);
  return found;
}

/** SendMessage's parameters, as the client gave them to a schedule. */
interface SendMessage {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string }>>;
  readonly MessageGroupId?: string;
}

function scheduledOf(
  input: string,
  { aws, rooms, delayMs }: { readonly aws: TestAws; readonly rooms: readonly WaitingRoom[]; readonly delayMs: number },
): Enqueued[] {
  const call: SendMessage = JSON.parse(input);
  const queue = aws.queues.find(({ url }) => url === call.QueueUrl);
  const room = rooms.find(({ plan }) => plan.name === queue?.name);
  if (room === undefined) return [];
  const attributes = Object.entries(call.MessageAttributes ?? {}).flatMap(([name, { StringValue }]) =>
    StringValue === undefined ? [] : [[name, StringValue] as const],
  );
  const reading = readSourced(
    { messageId: "", body: call.MessageBody, attributes: Object.fromEntries(attributes) },
    room.sources,
  );
  const group = call.MessageGroupId === undefined ? {} : { group: call.MessageGroupId };
  return [enqueuedOf(reading, "", { queue: room.plan.name, delayMs, receives: 0, ...group })];
}

/** What lies in the dead-letter queues, the oldest first. */
export function readDeadLetters(aws: TestAws, rooms: readonly WaitingRoom[]): DeadLetter[] {
  return rooms.flatMap(({ plan, sources }) =>
    aws
      .sqs()
      .messages(physicalName(plan, plan.deadLetter.name))
      .sort((a, b) => a.sentMs - b.sentMs)
      .map((message): DeadLetter => {
        const attributes = textsOf(message.attributes);
        const reading = readSourced({ messageId: message.id, body: message.body, attributes }, sources);
        const job = reading.kind === "job" ? reading.job : undefined;
        return {
          id: job?.id ?? message.id,
          queue: plan.name,
          ...(job === undefined ? {} : { type: job.type, input: job.input }),
          ...readReason(attributes[attributeNames.error]),
          ...(message.groupId === undefined ? {} : { group: message.groupId }),
        };
      }),
  );
}

function readReason(text: string | undefined): Pick<DeadLetter, "error" | "attempt"> {
  if (text === undefined) return {};
  const { what: error, attempt }: { readonly what: string; readonly attempt: number } = JSON.parse(text);
  return { error, attempt };
}

type Attributes = Readonly<Record<string, { readonly stringValue?: string }>>;

/** A message's attributes of type String and Number. */
export function textsOf(attributes: Attributes): Record<string, string> {
  const texts = Object.entries(attributes).flatMap(([name, { stringValue }]) =>
    stringValue === undefined ? [] : [[name, stringValue] as const],
  );
  return Object.fromEntries(texts);
}

/** Those of one job type. Their inputs were checked against it when they were enqueued. */
export function ofType<Spec extends JobSpec>(spec: Spec, jobs: readonly Enqueued[]): Enqueued<InputOf<Spec>>[] {
  return jobs.filter((job): job is Enqueued<InputOf<Spec>> => job.type === spec.type);
}
