import type { Claims } from "@tendril/client/claims";
import { type OutgoingOptions, writeOutgoing } from "@tendril/client/outgoing";
import { randomBytes16 } from "@tendril/client/random-bytes";
import type { Sender } from "@tendril/client/sender";
import { TendrilError } from "@tendril/core/errors";
import { type JobId, keyedJobId, newJobId } from "@tendril/core/job-id";
import type { JobStore } from "@tendril/core/job-record";
import type { QueueLink } from "@tendril/core/link";
import type { JobRequest } from "./job-request.ts";
import { jsonHash } from "./json-value.ts";
import { type Keyed, keysThatFit } from "./keys.ts";

/** What became of a job that was to be enqueued. */
export type Enqueued =
  | { readonly kind: "enqueued"; readonly id: JobId; readonly type: string; readonly queue: string }
  | Refused;

/** A job that was not enqueued. With an id, AWS may have it all the same. */
export interface Refused {
  readonly kind: "refused";
  readonly error: unknown;
  readonly id?: JobId;
}

/**
 * Enqueues jobs, each accepted or refused on its own, and answers for each in their order; those that are refused already
 * stay so. Never rejects. When keys could not be noted, their jobs are sent all the same, and `onUnnoted` is told why.
 */
export type Enqueue = (
  requests: readonly (JobRequest | Refused)[],
  during: {
    /** Jobs that are not sent when it aborts are refused. */
    readonly signal: AbortSignal;
    readonly onUnnoted: (error: unknown) => void;
  },
) => Promise<readonly Enqueued[]>;

/** What `createEnqueue` takes. */
export interface EnqueueOptions {
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  readonly sender: Pick<Sender, "send">;
  /** Where inputs go that are too large for a message. Default: they are refused. */
  readonly claims?: Claims | undefined;
  /** Where keys are noted; opened when the first job with a key comes. */
  readonly store?: (() => Promise<JobStore>) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Makes the three steps of enqueueing: check each job and write its message; note the keys, so that one that was used with
 * another input is refused; send what is left.
 */
export function createEnqueue({ queues, sender, claims, store, now }: EnqueueOptions): Enqueue {
  return async (requests, { signal, onUnnoted }) => {
    const nowMs = now();
    const prepared = await Promise.all(
      requests.map((request) => ("kind" in request ? request : prepare(request, { queues, claims, signal, nowMs }))),
    );
    const ready = prepared.filter((each) => each.kind === "ready");
    const fitting = await keysThatFit(ready, store, onUnnoted);
    // Two of one key are one job.
    const jobs = Map.groupBy(
      [...fitting].map(({ message }) => message),
      ({ id }) => id,
    );
    const errors = await sender.send(
      [...jobs.values()].flatMap(([first]) => first ?? []),
      signal,
    );
    const errorOf = new Map([...errors].map(([{ id }, error]) => [id, error]));
    return prepared.map((each): Enqueued => {
      if (each.kind === "refused") return each;
      if (!fitting.has(each)) return { kind: "refused", error: keyConflict() };
      const { id, queue } = each.message;
      const error = errorOf.get(id);
      return error === undefined ? { kind: "enqueued", id, type: each.type, queue } : { kind: "refused", error, id };
    });
  };
}

/** A job that can be sent. */
interface Ready extends Keyed {
  readonly kind: "ready";
}

async function prepare(
  { spec, input, inputName, key, ...where }: JobRequest,
  { queues, claims, signal, nowMs }: Pick<OutgoingOptions, "queues" | "claims" | "signal" | "nowMs">,
): Promise<Ready | Refused> {
  const queue = where.queue ?? spec.queue;
  const link = Object.hasOwn(queues, queue) ? queues[queue] : undefined;
  const seal = link === undefined ? undefined : { type: spec.type, queueUrl: link.url };
  const id = key === undefined ? newJobId(nowMs, randomBytes16(), seal) : keyedJobId(spec.type, key);
  try {
    const message = await writeOutgoing(spec, input, { ...where, id, queues, claims, signal, nowMs });
    return { kind: "ready", type: spec.type, message, inputHash: key === undefined ? undefined : jsonHash(input) };
  } catch (error) {
    return { kind: "refused", error: inputName === "data" ? error : inputRenamed(error) };
  }
}

function keyConflict(): TendrilError {
  return new TendrilError("key_conflict", {
    where: "key",
    given: "another input than the key's first job had",
    allowed: "the same input, which is that job again, or another key",
  });
}

/** An error about `data`, which this request called `input`. */
function inputRenamed(error: unknown): unknown {
  if (!(error instanceof TendrilError)) return error;
  const { where, allowed, ...facts } = error.facts;
  return new TendrilError(error.code, {
    ...facts,
    ...(where === undefined ? {} : { where: where.replace(/(?<=^|, )data(?=[.,]|$)/g, "input") }),
    allowed: allowed.replace(/(?<=^|; )data(?=[.:])/g, "input"),
    cause: error.cause,
  });
}
