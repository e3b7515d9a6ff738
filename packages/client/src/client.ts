import { TendrilError } from "@tendril/core/errors";
import type { InputOf, JobSpec } from "@tendril/core/job";
import { type JobId, keyedJobId, newJobId } from "@tendril/core/job-id";
import type { OutgoingMessage } from "@tendril/core/message";
import { type OutgoingOptions, routeMessages, type WaitOptions, writeOutgoing } from "./outgoing.ts";
import { createSender, type SenderOptions } from "./sender.ts";

/**
 * Sends jobs to their queues: over SQS, and as one-time schedules of EventBridge Scheduler when they wait longer than SQS
 * can delay them. It needs no database: a sleeping one stays asleep.
 */
export interface Client {
  /**
   * Sends one job and answers with its id, once AWS has it.
   *
   * Errors: `input_invalid` (the schema refuses the input, or JSON cannot carry it), `body_too_large` (more than 1 MiB, or
   * 256 KiB for a job that waits longer than SQS can delay it), `duration_invalid` (the delay or time), `queue_unknown`,
   * `link_missing` (a job that waits, and no `later`), and `aws_call_failed`, after which AWS may have the job all the
   * same: sent again with the same id it still takes effect once.
   */
  enqueue<Spec extends JobSpec>(spec: Spec, input: InputOf<Spec>, options?: EnqueueOptions): Promise<JobId>;

  /**
   * Sends many jobs of one type, ten a call, and answers for each input in the order of the inputs. An input that is
   * refused, or that AWS does not take, keeps none of the others back, but on a FIFO queue those of its group in later
   * calls. Rejects only for what concerns all of them: `duration_invalid`, `queue_unknown`.
   */
  enqueueAll<Spec extends JobSpec>(
    spec: Spec,
    inputs: readonly InputOf<Spec>[],
    options?: EnqueueAllOptions<InputOf<Spec>>,
  ): Promise<EnqueueResult[]>;
}

/** How a job is sent. */
export interface EnqueueOptions extends WaitOptions {
  /** The job's id; two jobs of one id take effect once. Default: a new UUIDv7. */
  readonly id?: JobId;
  /** An idempotency key, which makes the id: two jobs of one type and key take effect once. `id` wins over it. */
  readonly key?: string;
  /**
   * The message group, 1 to 128 letters, digits and punctuation: a FIFO queue keeps the order within it, a standard queue
   * is fair between groups. Default: the job type on a FIFO queue, none on a standard one.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html
   */
  readonly group?: string;
}

/** How many jobs are sent. */
export interface EnqueueAllOptions<Input> extends Omit<EnqueueOptions, "id" | "key"> {
  /** Makes an idempotency key for each input. Default: every job has an id of its own. */
  readonly key?: (input: Input, index: number) => string;
}

/** What became of one input of `enqueueAll`. After `aws_call_failed`, send it again with this id. */
export type EnqueueResult =
  | { readonly kind: "enqueued"; readonly id: JobId }
  | { readonly kind: "refused"; readonly id: JobId; readonly error: TendrilError };

/** What `createClient` takes. The SDK's clients stay the caller's to destroy. */
export interface ClientOptions extends SenderOptions {
  /** Makes job ids. Default: UUIDv7 of the time and 16 random bytes. */
  readonly newId?: () => JobId;
}

/** Makes a client. It holds no connection of its own. */
export function createClient(options: ClientOptions): Client {
  const { queues, now = Date.now } = options;
  const newId = options.newId ?? (() => newJobId(now(), crypto.getRandomValues(new Uint8Array(16))));
  const sender = createSender(options);
  return {
    async enqueue(spec, input, { id, key, ...where } = {}) {
      const ownId = id ?? (key === undefined ? newId() : keyedJobId(spec.type, key));
      const message = await writeOutgoing(spec, input, { ...where, id: ownId, queues, nowMs: now() });
      const error = (await sender.send([message])).get(message);
      if (error !== undefined) throw error;
      return message.id;
    },
    async enqueueAll(spec, inputs, { key, ...where } = {}) {
      const to = { ...where, queues, nowMs: now() };
      routeMessages(spec, to);
      const prepared = await Promise.all(
        inputs.map((input, index) => {
          const id = key === undefined ? newId() : keyedJobId(spec.type, key(input, index));
          return prepare(spec, input, { ...to, id });
        }),
      );
      const errors = await sender.send(prepared.flatMap((each) => (each.kind === "message" ? [each.message] : [])));
      return prepared.map((each) => {
        if (each.kind === "refused") return each;
        const { id } = each.message;
        const error = errors.get(each.message);
        return error === undefined ? { kind: "enqueued", id } : { kind: "refused", id, error };
      });
    },
  };
}

type Prepared =
  | { readonly kind: "message"; readonly message: OutgoingMessage }
  | (EnqueueResult & { readonly kind: "refused" });

async function prepare(spec: JobSpec, input: unknown, options: OutgoingOptions): Promise<Prepared> {
  try {
    return { kind: "message", message: await writeOutgoing(spec, input, options) };
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "refused", id: options.id, error };
    throw error;
  }
}
