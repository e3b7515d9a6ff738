import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { type Duration, parseDuration } from "@tendril/core/duration";
import { TendrilError } from "@tendril/core/errors";
import { type InputOf, type JobSpec, parseInput } from "@tendril/core/job";
import { type JobId, newJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { type JobMessage, writeJobMessage } from "./job-message.ts";
import { packBatches } from "./pack-batches.ts";

/** Sends jobs to their queues. It talks to SQS only: a sleeping database stays asleep. */
export interface Client {
  /**
   * Sends one job and answers with its id, once SQS has it.
   *
   * Errors: `input_invalid` (the schema refuses the input, or JSON cannot carry it), `body_too_large`, `duration_invalid`
   * (the delay), `queue_unknown`, and `aws_call_failed`, after which SQS may have the job all the same: sent again with
   * the same id it still takes effect once.
   */
  enqueue<Spec extends JobSpec>(spec: Spec, input: InputOf<Spec>, options?: EnqueueOptions): Promise<JobId>;

  /**
   * Sends many jobs of one type, ten a call, and answers for each input in the order of the inputs. An input that is
   * refused, or that SQS does not take, keeps none of the others back. Rejects only for what concerns all of them:
   * `duration_invalid`, `queue_unknown`.
   */
  enqueueAll<Spec extends JobSpec>(
    spec: Spec,
    inputs: readonly InputOf<Spec>[],
    options?: Omit<EnqueueOptions, "id">,
  ): Promise<EnqueueResult[]>;
}

/** How a job is sent. */
export interface EnqueueOptions {
  /**
   * How long SQS holds the job back: `"0 seconds"` to `"15 minutes"`, rounded up to whole seconds; not on a FIFO queue,
   * which delays all or none. Default: the queue's own delay.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
   */
  readonly delay?: Duration;
  /** The job's id; two jobs of one id take effect once. Default: a new UUIDv7. */
  readonly id?: JobId;
  /**
   * The message group, 1 to 128 letters, digits and punctuation: a FIFO queue keeps the order within it, a standard queue
   * is fair between groups. Default: the job type on a FIFO queue, none on a standard one.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html
   */
  readonly group?: string;
}

/** What became of one input of `enqueueAll`. After `aws_call_failed`, send it again with this id. */
export type EnqueueResult =
  | { readonly kind: "enqueued"; readonly id: JobId }
  | { readonly kind: "refused"; readonly id: JobId; readonly error: TendrilError };

/** What `createClient` takes. */
export interface ClientOptions {
  readonly sqs: SQSClient;
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Makes job ids. Default: UUIDv7 of the machine's time and 16 random bytes. */
  readonly newId?: () => JobId;
}

/** SQS's longest delay, in seconds. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html */
const longestDelaySeconds = 900;

/** Calls of one `enqueueAll` at the same time. A FIFO queue gets one after the other: it keeps the order of arrival. */
const batchesAtOnce = 4;

/** Makes a client. It holds no connection of its own: `sqs` is the caller's to destroy. */
export function createClient({ sqs, queues, newId = freshId }: ClientOptions): Client {
  return {
    async enqueue(spec, input, options = {}) {
      const lane = laneOf(queues, spec, options);
      const message = await checkedMessage(spec, input, options.id ?? newId());
      await sendOne(sqs, lane, message);
      return message.id;
    },
    async enqueueAll(spec, inputs, options = {}) {
      const lane = laneOf(queues, spec, options);
      const prepared = await Promise.all(inputs.map((input) => prepare(spec, input, newId())));
      const messages = prepared.flatMap((each) => (each.kind === "message" ? [each.message] : []));
      const errors = await sendAll(sqs, lane, messages);
      return prepared.map((each) => {
        if (each.kind === "refused") return each;
        const error = errors.get(each.message);
        return error === undefined
          ? { kind: "enqueued", id: each.message.id }
          : { kind: "refused", id: each.message.id, error };
      });
    },
  };
}

function freshId(): JobId {
  return newJobId(Date.now(), crypto.getRandomValues(new Uint8Array(16)));
}

/** Where the messages of a call go, and how. */
interface Lane {
  readonly url: string;
  readonly fifo: boolean;
  readonly delaySeconds: number | undefined;
  readonly group: string | undefined;
}

function laneOf(queues: ClientOptions["queues"], spec: JobSpec, options: Omit<EnqueueOptions, "id">): Lane {
  const link = Object.hasOwn(queues, spec.queue) ? queues[spec.queue] : undefined;
  if (link === undefined) {
    throw new TendrilError("queue_unknown", {
      where: `${spec.type}.queue`,
      given: JSON.stringify(spec.queue),
      allowed: `a queue that the client was given: ${Object.keys(queues).join(", ") || "none"}`,
    });
  }
  const fifo = link.url.endsWith(".fifo");
  const group = options.group ?? (fifo ? spec.type : undefined);
  return { url: link.url, fifo, delaySeconds: readDelay(options.delay, fifo), group };
}

function readDelay(delay: Duration | undefined, fifo: boolean): number | undefined {
  if (delay === undefined) return undefined;
  const seconds = Math.ceil(parseDuration(delay, "delay") / 1000);
  if (!fifo && seconds <= longestDelaySeconds) return seconds;
  throw new TendrilError("duration_invalid", {
    where: "delay",
    given: delay,
    allowed: fifo
      ? "no delay: a FIFO queue takes none for a single message"
      : "at most 15 minutes, SQS's longest delay",
  });
}

/** Writes the message, and checks what a worker will read in it: Dates are texts by then, and undefined is absent. */
async function checkedMessage(spec: JobSpec, input: unknown, id: JobId): Promise<JobMessage> {
  const message = writeJobMessage({ id, type: spec.type, input });
  const { data }: { data?: unknown } = JSON.parse(message.body);
  await parseInput(spec, data);
  return message;
}

type Prepared =
  | { readonly kind: "message"; readonly message: JobMessage }
  | (EnqueueResult & { readonly kind: "refused" });

async function prepare(spec: JobSpec, input: unknown, id: JobId): Promise<Prepared> {
  try {
    return { kind: "message", message: await checkedMessage(spec, input, id) };
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "refused", id, error };
    throw error;
  }
}

async function sendOne(sqs: SQSClient, lane: Lane, message: JobMessage): Promise<void> {
  try {
    await sqs.send(new SendMessageCommand({ QueueUrl: lane.url, ...entryOf(lane, message) }));
  } catch (error) {
    throw callFailed("sqs:SendMessage", nameOf(error), error);
  }
}

/** Sends the messages in batches; what SQS did not take is in the answer, with the reason. */
async function sendAll(
  sqs: SQSClient,
  lane: Lane,
  messages: readonly JobMessage[],
): Promise<Map<JobMessage, TendrilError>> {
  const errors = new Map<JobMessage, TendrilError>();
  const batches = packBatches(messages).values();
  const sendInTurn = async (): Promise<void> => {
    for (const batch of batches) await sendBatch(sqs, lane, batch, errors);
  };
  await Promise.all(Array.from({ length: lane.fifo ? 1 : batchesAtOnce }, sendInTurn));
  return errors;
}

async function sendBatch(
  sqs: SQSClient,
  lane: Lane,
  batch: readonly JobMessage[],
  errors: Map<JobMessage, TendrilError>,
): Promise<void> {
  const call = "sqs:SendMessageBatch";
  const entries = batch.map((message, index) => ({ Id: String(index), ...entryOf(lane, message) }));
  try {
    const answer = await sqs.send(new SendMessageBatchCommand({ QueueUrl: lane.url, Entries: entries }));
    const taken = new Set(answer.Successful?.map((entry) => entry.Id));
    const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
    for (const [index, message] of batch.entries()) {
      if (taken.has(String(index))) continue;
      const failure = failed.get(String(index));
      errors.set(message, callFailed(call, failure?.Code ?? "no word about this entry", failure));
    }
  } catch (error) {
    for (const message of batch) errors.set(message, callFailed(call, nameOf(error), error));
  }
}

function entryOf(lane: Lane, message: JobMessage) {
  const attributes = Object.entries(message.attributes).map(
    ([name, value]) => [name, { DataType: "String", StringValue: value }] as const,
  );
  return {
    MessageBody: message.body,
    MessageAttributes: Object.fromEntries(attributes),
    ...(lane.delaySeconds === undefined ? {} : { DelaySeconds: lane.delaySeconds }),
    ...(lane.group === undefined ? {} : { MessageGroupId: lane.group }),
    ...(lane.fifo ? { MessageDeduplicationId: message.id } : {}),
  };
}

function callFailed(call: string, given: string, cause: unknown): TendrilError {
  return new TendrilError("aws_call_failed", {
    where: call,
    given,
    allowed: "that SQS takes the message",
    fix: "Try again; with the same job id it takes effect once, even when SQS has it already.",
    cause,
  });
}

/** `AccessDenied`, `ECONNREFUSED` …: what happened, without the text of the answer. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "something thrown that is no error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
