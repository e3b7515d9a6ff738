import type { Claims } from "@tendril/client/claims";
import { writeOutgoing } from "@tendril/client/outgoing";
import { TendrilError } from "@tendril/core/errors";
import type { Enqueue } from "@tendril/core/handler";
import { followUpJobId, type JobId, keyedJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import type { OutgoingMessage } from "@tendril/core/message";

/** The jobs that a handler enqueues while it runs. */
export interface FollowUps {
  /** What handlers know as `job.enqueue`. */
  readonly enqueue: Enqueue;
  /**
   * Ends the enqueueing: later calls get `transaction_ended`. Resolves to the follow-ups, in the order in which they were
   * enqueued, once the calls that are still running have ended; rejects when one of these fails, since nobody would hear
   * of it any more.
   */
  close(): Promise<readonly OutgoingMessage[]>;
}

/** What follow-ups need to know. */
export interface FollowUpSource {
  readonly parent: JobId;
  /** Links of the tier's queues by their names. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Where inputs go that are too large for a message. Default: they are refused. */
  readonly claims?: Claims | undefined;
  readonly now: () => number;
  /** Once it has aborted, `enqueue` is refused with its reason. */
  readonly signal: AbortSignal;
  /** Hears of each follow-up that is refused: a handler that does not wait for `enqueue` would not. */
  readonly onRefused: (jobType: string, error: unknown) => void;
}

/**
 * Collects a job's follow-ups. Each is checked when it is enqueued, for all that would keep it from being sent later. Its
 * id comes from its position among the job's calls, so that every attempt of the job gives it the same one.
 */
export function collectFollowUps(source: FollowUpSource): FollowUps {
  const messages: (OutgoingMessage | undefined)[] = [];
  const running = new Set<Promise<JobId>>();
  let closed = false;
  const enqueue: Enqueue = (spec, input, options = {}) => {
    if (source.signal.aborted) return refuse(source.signal.reason);
    if (closed) return refuse(ended());
    const position = messages.push(undefined) - 1;
    const { key, ...how } = options;
    const add = async (): Promise<JobId> => {
      const id = key === undefined ? followUpJobId(source.parent, position) : keyedJobId(spec.type, key);
      const { queues, claims, signal, now } = source;
      messages[position] = await writeOutgoing(spec, input, { ...how, id, queues, claims, signal, nowMs: now() });
      return id;
    };
    const tell = (error: unknown): never => {
      source.onRefused(spec.type, error);
      throw error;
    };
    // Off the list before the handler hears of it: what the handler takes is not the attempt's failure.
    const adding: Promise<JobId> = add()
      .catch(tell)
      .finally(() => running.delete(adding));
    running.add(adding);
    adding.catch(() => {});
    return adding;
  };
  return {
    enqueue,
    async close() {
      closed = true;
      await Promise.all(running);
      return withoutRepetitions(messages.filter((message) => message !== undefined));
    },
  };
}

/** A rejection that need not be waited for. */
function refuse(reason: unknown): Promise<never> {
  const refused = Promise.reject(reason);
  refused.catch(() => {});
  return refused;
}

/** Two calls with one key are one job: the first of them. */
function withoutRepetitions(messages: readonly OutgoingMessage[]): OutgoingMessage[] {
  const firsts = new Map(messages.toReversed().map((message) => [message.id, message]));
  return messages.filter((message) => firsts.get(message.id) === message);
}

function ended(): TendrilError {
  return new TendrilError("transaction_ended", {
    where: "job.enqueue",
    given: "a call after the handler's end",
    allowed: "calls while the handler runs",
    fix: "Wait for every call (`await job.enqueue(…)`) before the handler returns.",
  });
}
