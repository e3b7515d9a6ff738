/** The budget of AWS calls (packages/core/src/call-budget.ts), against what passes over the wires. */
import { createClient } from "@tendril/client/client";
import { createHttpClient } from "@tendril/client/http";
import { type BatchEnd, type Calls, callsOfBatch, callsToEnqueue, type Way } from "@tendril/core/call-budget";
import { type AtLeastOnceContext, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { Unrecoverable } from "@tendril/core/outcome";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { useApiBench } from "./support/api-bench.ts";
import { lambdaContext, useWorkerRoom } from "./support/worker-bench.ts";

const input = z.string();
const Loose = defineJob({ type: "Loose", input, effects: "at-least-once" });
const Once = defineJob({ type: "Once", input });
const Grouped = defineJob({ type: "Grouped", input, commit: "grouped" });
const specs: Readonly<Record<Way, { readonly type: string }>> = {
  "at-least-once": Loose,
  "exactly-once": Once,
  grouped: Grouped,
};

let behaviour: BatchEnd = "done";

const end = async (_: string, job: AtLeastOnceContext): Promise<unknown> => {
  switch (behaviour) {
    case "done with a result":
      return { fine: true };
    case "done with a follow-up":
      return void (await job.enqueue(Loose, "follow-up"));
    case "failed":
      throw new Error("not today");
    case "dead":
      throw new Unrecoverable("never");
    default:
      return undefined;
  }
};

const room = useWorkerRoom(() => [
  handle(Loose, end),
  handle(Once, end),
  handle(Grouped, async (note, job) => {
    job.write`insert into effects values (${job.id}::uuid, ${note})`;
    return end(note, job);
  }),
]);
const api = useApiBench(room, [Loose, Once, Grouped]);

afterEach(() => {
  behaviour = "done";
});

const counted = (): Calls => {
  const { database, sqs } = room.calls();
  return { database: database.length, sqs: sqs.length };
};

/** Works through a batch that ends so, and counts its calls. */
async function countBatch(way: Way, how: BatchEnd, jobs: number): Promise<Calls> {
  const ids: string[] = [];
  for (let n = 0; n < jobs; n += 1) ids.push(await room.send(`job ${n}`, { type: specs[way].type }));
  if (how === "delivered again, done" || how === "delivered again, failed") {
    behaviour = how === "delivered again, done" ? "done" : "failed";
    const event = await room.queue.receive();
    expect(event.Records).toHaveLength(jobs);
    await room.bench.worker(event, lambdaContext());
    await room.sqs.clock.advance(300_000);
  }
  behaviour = how;
  counted();
  const failures = await room.work();
  expect(failures).toHaveLength(how === "failed" ? jobs : 0);
  return counted();
}

const ways = ["at-least-once", "exactly-once", "grouped"] as const;
const ends = [
  "done",
  "done with a result",
  "done with a follow-up",
  "failed",
  "dead",
  "delivered again, done",
  "delivered again, failed",
] as const;

describe("the calls of a batch are those of the budget", () => {
  const rows = ways.flatMap((way) => ends.map((how) => [way, how, 10] as const));

  test.each([...rows, ...ways.map((way) => [way, "done", 1] as const)])("%s, %s: %d", async (way, how, jobs) => {
    const calls = await countBatch(way, how, jobs);
    const budget = callsOfBatch(way, how, jobs);
    if (way === "exactly-once" && how === "done with a follow-up") {
      expect(calls.database).toBe(budget.database);
      expect(calls.sqs).toBeGreaterThanOrEqual(1);
      expect(calls.sqs).toBeLessThanOrEqual(budget.sqs);
    } else {
      expect(calls).toEqual(budget);
    }
  });
});

describe("so are those of enqueueing", () => {
  const doors = ["sqs", "api", "api with keys"] as const;

  test.each(doors.flatMap((door) => [1, 10, 100, 1000].map((jobs) => [door, jobs] as const)))(
    "%s: %d",
    async (door, jobs) => {
      let requests = 0;
      const count: typeof fetch = (url, init) => {
        requests += 1;
        return Promise.resolve(api.api.request(String(url), init));
      };
      const queues = { jobs: room.queue };
      const client =
        door === "sqs"
          ? createClient({ sqs: api.sqs, queues })
          : createHttpClient({ url: "https://api.test", fetch: count });
      const notes = Array.from({ length: jobs }, (_, n) => `note ${n}`);
      const key = (note: string): string => `${jobs}-${note.replace(" ", "-")}`;
      const keyed = door === "api with keys" ? { key } : {};
      counted();
      const enqueued = await client.enqueueAll(Loose, notes, keyed);
      expect(enqueued.flatMap((each) => (each.kind === "enqueued" ? [] : [each.error]))).toEqual([]);
      expect({ ...counted(), api: requests }).toEqual(callsToEnqueue(door, jobs));
    },
  );
});

test("ten jobs that only write cost at most 0.2 calls each, enqueueing included", async () => {
  const { sqs, database } = callsToEnqueue("sqs", 10);
  const worked = callsOfBatch("grouped", "done", 10);
  expect((sqs + database + worked.sqs + worked.database) / 10).toBeLessThanOrEqual(0.2);
});
