import { TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import type { JobStore } from "@tendril/core/job-record";
import type { OutgoingMessage } from "@tendril/core/message";
import { createJobReader, type Look } from "./await-job.ts";
import { chooseId, type NewId, sealingIds } from "./choose-id.ts";
import type { Claims } from "./claims.ts";
import type { Client, EnqueueResult } from "./client-interface.ts";
import { type OutgoingOptions, routeMessages, writeOutgoing } from "./outgoing.ts";
import { readSealedId } from "./sealed-job.ts";
import { createSender, type SenderOptions } from "./sender.ts";
import { machineSleep } from "./sleep.ts";

export type {
  Client,
  EnqueueAllOptions,
  EnqueueOptions,
  EnqueueResult,
  JobOptions,
  ResultOptions,
} from "./client-interface.ts";

/** What `createClient` takes. The SDK's clients stay the caller's to destroy. */
export interface ClientOptions extends SenderOptions {
  /** Makes job ids. Default: UUIDv7 of the time and 16 random bytes, sealed with job type and queue. */
  readonly newId?: NewId;
  /** Where `job` and `result` look: `createJobStore` of the ledger's room. Default: they are refused with `link_missing`. */
  readonly jobs?: Pick<JobStore, "read">;
  /** Job types whose jobs `job` tells to be queued when they have not begun. Default: none; `result` is told by its spec. */
  readonly specs?: readonly JobSpec[];
  /** Where inputs go that make a message of more than 1 MiB, up to 32 MiB: `createClaims`. Default: they are refused. */
  readonly claims?: Claims;
}

/**
 * A client over SQS, and one-time schedules of EventBridge Scheduler for what waits longer than SQS can delay it. To enqueue
 * it needs no database: a sleeping one stays asleep. It holds no connection of its own.
 */
export function createClient(options: ClientOptions): Client {
  const { queues, claims, now = Date.now, sleep = machineSleep } = options;
  const newId = options.newId ?? sealingIds(now);
  const sender = createSender(options);
  return {
    async enqueue(spec, input, where = {}) {
      const to = { ...where, queues, claims, newId, nowMs: now() };
      const message = await writeOutgoing(spec, input, { ...to, id: chooseId(spec, where, to) });
      const error = (await sender.send([message])).get(message);
      if (error !== undefined) throw error;
      return message.id;
    },
    async enqueueAll(spec, inputs, { key, ...where } = {}) {
      const to = { ...where, queues, claims, newId, nowMs: now() };
      routeMessages(spec, to);
      const prepared = await Promise.all(
        inputs.map((input, index) => {
          const own = key === undefined ? where : { ...where, key: key(input, index) };
          return prepare(spec, input, { ...to, id: chooseId(spec, own, to) });
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
    ...createJobReader({ look: lookInto(options), now, sleep }),
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

/** The ledger knows what has begun; of what has not, the id tells. */
function lookInto({ jobs, specs = [], queues }: ClientOptions): Look {
  return async (id, { spec, signal = new AbortController().signal }) => {
    if (jobs === undefined) throw noJobStore();
    const types = (spec === undefined ? specs : [spec]).map(({ type }) => type);
    return (await jobs.read(id, signal)) ?? readSealedId(id, types, queues);
  };
}

function noJobStore(): TendrilError {
  return new TendrilError("link_missing", {
    where: "jobs",
    given: "a client without `jobs`",
    allowed: "the ledger's store of jobs",
    fix: "Give the client `jobs: createJobStore(…)`, or ask over HTTP.",
  });
}
