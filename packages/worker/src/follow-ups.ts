import type { Claims } from "@tendril/client/claims";
import { writeOutgoing } from "@tendril/client/outgoing";
import { TendrilError } from "@tendril/core/errors";
import type { Enqueue, FollowUpOptions } from "@tendril/core/handler";
import type { Effects, JobSpec } from "@tendril/core/job";
import { followUpJobId, type JobId, keyedJobId, repeatedFollowUpJobId } from "@tendril/core/job-id";
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
  /** What its job type promises. */
  readonly effects: Effects;
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
 * Collects a job's follow-ups. Each is checked when it is enqueued, for all that would keep it from being sent later.
 *
 * Of an exactly-once job one attempt alone is committed, and only its follow-ups are ever sent: an id comes from the
 * position among the job's calls. An at-least-once job may send those of several attempts, which need not be the same: what
 * such an attempt finds in the place of another follow-up must not be taken for that one. So an id comes from what the
 * follow-up says, and from how many like it there were before.
 */
export function collectFollowUps(source: FollowUpSource): FollowUps {
  const chooseId = source.effects === "at-least-once" ? byContent(source.parent) : byPosition(source.parent);
  const messages: (OutgoingMessage | undefined)[] = [];
  const running = new Set<Promise<JobId>>();
  let closed = false;
  const enqueue: Enqueue = (spec, input, options = {}) => {
    if (source.signal.aborted) return refuse(source.signal.reason);
    if (closed) return refuse(ended());
    const position = messages.push(undefined) - 1;
    const { key, ...how } = options;
    const add = async (): Promise<JobId> => {
      const id = key === undefined ? chooseId(position, spec, input, how) : keyedJobId(spec.type, key);
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

/** Gives the follow-up at a position, counted from 0, its id. */
type ChooseId = (
  position: number,
  spec: JobSpec,
  input: unknown,
  where: Pick<FollowUpOptions, "queue" | "group">,
) => JobId;

const byPosition =
  (parent: JobId): ChooseId =>
  (position) =>
    followUpJobId(parent, position);

function byContent(parent: JobId): ChooseId {
  const counts = new Map<JobId, number>();
  return (position, { type }, input, { queue, group }) => {
    let content: string;
    try {
      content = JSON.stringify([type, queue, group, input]);
    } catch {
      return followUpJobId(parent, position); // an input that is refused
    }
    const first = repeatedFollowUpJobId(parent, content, 0);
    const count = counts.get(first) ?? 0;
    counts.set(first, count + 1);
    return count === 0 ? first : repeatedFollowUpJobId(parent, content, count);
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
