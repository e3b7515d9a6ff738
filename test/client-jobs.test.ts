/**
 * What clients say of jobs, over SQS and over the API alike: the ledger knows what has begun, and ids tell of what has not.
 */
import { createApi } from "@tendril/api/api";
import { type Client, createClient } from "@tendril/client/client";
import { createHttpClient } from "@tendril/client/http";
import { createSender } from "@tendril/client/sender";
import { TendrilError } from "@tendril/core/errors";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { newJobId } from "@tendril/core/job-id";
import { createJobStore } from "@tendril/ledger/job-store";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { useWorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string(), retry: { attempts: 2 } });
const room = useWorkerRoom(({ writeNote }) => [handle(Note, writeNote)]);

let client: Client;
/** What happens at each pause of whoever waits for a job, in turn; then time passes. */
let meanwhile: (() => Promise<unknown>)[];
let pausedMs: number;

const clients = {
  "over SQS": (parts) => createClient({ ...parts, sqs: room.sqs.client, specs: [Note] }),
  "over HTTP": ({ queues, jobs, now, sleep }) => {
    const sender = createSender({ sqs: room.sqs.client, queues, now });
    const store = async () => jobs;
    const api = createApi({ name: "test", jobs: [Note], queues, sender, store, log: () => {}, now, sleep });
    const fetch = async (url: string, init: RequestInit) => api.request(url, init);
    return createHttpClient({ url: "https://api.test", fetch, now, sleep });
  },
} satisfies Record<string, (parts: ReturnType<typeof openParts>) => Client>;

beforeEach(() => {
  meanwhile = [];
  pausedMs = 0;
});

function openParts(database: string) {
  return {
    queues: { jobs: room.queue },
    jobs: createJobStore(room.local.openDatabase(database)),
    now: () => room.sqs.clock.now(),
    sleep: async (ms: number) => {
      pausedMs += ms;
      await meanwhile.shift()?.();
      await room.sqs.clock.advance(ms);
    },
  };
}

async function refusal(work: Promise<unknown>): Promise<TendrilError> {
  const thrown: unknown = await work.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  if (thrown instanceof TendrilError) return thrown;
  throw thrown;
}

describe.each(Object.entries(clients))("%s", (_, open) => {
  beforeEach(async () => {
    const [row] = await room.query("select current_database() as name");
    client = open(openParts(String(row?.name)));
  });

  describe("job", () => {
    test("is queued when it has not begun, since its id was made", async () => {
      const id = await client.enqueue(Note, "a");
      const enqueuedAt = new Date(room.sqs.clock.now());
      expect(await client.job(id)).toEqual({
        id,
        type: "Note",
        queue: "jobs",
        state: "queued",
        attempts: 0,
        enqueuedAt,
      });
    });

    test("is what the ledger says when it has begun", async () => {
      room.behaviours.set("a", async () => ({ written: true }));
      const id = await client.enqueue(Note, "a");
      await room.work();
      expect(await client.job(id)).toMatchObject({
        id,
        type: "Note",
        state: "done",
        attempts: 1,
        result: { written: true },
      });
      expect(pausedMs).toBe(0);
    });

    test("is job_unknown for an id that nobody has given", async () => {
      const id = newJobId(Date.now(), crypto.getRandomValues(new Uint8Array(16)));
      expect((await refusal(client.job(id))).code).toBe("job_unknown");
    });

    test("waits for the end, and tells how it stands when the time is over", async () => {
      const id = await client.enqueue(Note, "a");
      expect(await client.job(id, { waitMs: 5_000 })).toMatchObject({ state: "queued" });
      expect(pausedMs).toBe(5_000);
      meanwhile = [() => room.work()];
      expect(await client.job(id, { waitMs: 5_000 })).toMatchObject({ state: "done" });
    });
  });

  describe("result", () => {
    test("is what the handler returns", async () => {
      room.behaviours.set("a", async () => ({ n: 7 }));
      const id = await client.enqueue(Note, "a");
      meanwhile = [async () => {}, () => room.work()];
      expect(await client.result(Note, id)).toEqual({ n: 7 });
    });

    test("is undefined for a handler that returns nothing, also of a job with a key", async () => {
      const id = await client.enqueue(Note, "a", { key: "order-7" });
      meanwhile = [() => room.work()];
      expect(await client.result(undefined, id)).toBeUndefined();
    });

    test("of a job that dies says so, with its attempts and its last error", async () => {
      room.failAlways("a", new Error("no such customer"));
      const id = await client.enqueue(Note, "a");
      const workLater = async () => {
        await room.sqs.clock.advance(900_000);
        await room.work();
      };
      meanwhile = [workLater, workLater];
      const error = await refusal(client.result(Note, id, { timeoutMs: 86_400_000 }));
      expect(error.code).toBe("job_failed");
      expect(error.message).toContain("dead after 2 attempts (Error: no such customer)");
    });

    test("ends when its time is over, and the job goes on", async () => {
      const id = await client.enqueue(Note, "a");
      expect((await refusal(client.result(Note, id, { timeoutMs: 2_000 }))).code).toBe("wait_timed_out");
      await room.work();
      expect(await client.result(Note, id)).toBeUndefined();
    });

    test("of a job that nobody has heard of until then is job_unknown", async () => {
      const id = newJobId(Date.now(), crypto.getRandomValues(new Uint8Array(16)));
      expect((await refusal(client.result(Note, id, { timeoutMs: 1_000 }))).code).toBe("job_unknown");
    });

    test("ends with its signal", async () => {
      const id = await client.enqueue(Note, "a");
      const controller = new AbortController();
      meanwhile = [async () => controller.abort(new Error("no more"))];
      const { signal } = controller;
      await expect(client.result(Note, id, { signal })).rejects.toThrow("no more");
    });
  });

  test("many jobs are enqueued as one is, and run", async () => {
    const notes = Array.from({ length: 12 }, (_, index) => `many ${index}`);
    const results = await client.enqueueAll(Note, notes, {
      key: (note) => `${room.queue.url} ${note}`.replaceAll(" ", "-"),
    });
    expect(results.filter(({ kind }) => kind === "refused")).toEqual([]);
    while ((await room.queue.count()) > 0) await room.work();
    const found = await Promise.all(results.map(async ({ id }) => id && (await client.job(id)).state));
    expect(found).toEqual(notes.map(() => "done"));
  });
});

test("over SQS without a store a client enqueues, and tells nothing", async () => {
  const blind = createClient({ sqs: room.sqs.client, queues: { jobs: room.queue } });
  const id = await blind.enqueue(Note, "a");
  expect((await refusal(blind.job(id))).code).toBe("link_missing");
});
