import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Hasty = defineJob({ type: "Hasty", input: z.string(), timeout: "1 second" });

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote), handle(Hasty, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, failAlways, messagesOf, notesOf, rowOf, send, work } = room;

describe("when the database is away", () => {
  test("every job is tried again later, and none loses an attempt", async () => {
    const ids = [await send("a"), await send("b"), await send("c")];
    room.local.wire.decide(() => "lose the call");
    expect(await work()).toHaveLength(3);
    for (const id of ids)
      expect(room.bench.linesOf(id)).toEqual([expect.objectContaining({ message: "job retry", attempt: 0 })]);
    room.local.wire.decide(() => "pass");
    await room.sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("in the middle of the last attempt, the job does not die of it", async () => {
    failAlways("thrice", new Error("no"));
    const id = await send("thrice");
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await work();
      await room.sqs.clock.advance(60_000);
    }
    behaviours.clear();
    room.local.wire.decide((call) => (call.body.includes("insert into effects") ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(await room.queue.deadLetters()).toEqual([]);
    room.local.wire.decide(() => "pass");
    await room.sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 3 });
  });

  test("when a failure should be written down, the job is tried again all the same", async () => {
    failAlways("breaks", new Error("no"));
    const id = await send("breaks");
    room.local.wire.decide((call) => (call.body.includes("record_failure") ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(messagesOf(id)).toEqual(["job started", "failure not recorded", "job retry"]);
    expect(await rowOf(id)).toBeUndefined();
  });

  test("just when the answer to the commit was due, the job is done once", async () => {
    const id = await send("once");
    room.local.wire.loseAnswerOf((call) => call.path === "/CommitTransaction");
    expect(await work()).toHaveLength(1);
    expect(room.bench.linesOf(id)[1]).toMatchObject({ message: "job retry", attempt: 0 });
    await room.sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    expect(messagesOf(id).at(-1)).toBe("job duplicate");
    expect(await notesOf(id)).toEqual(["once"]);
  });
});

describe("whatever one call meets, the effects happen once and the message goes", () => {
  const fates = ["lose the call", "lose the answer", { status: 500, error: "InternalServerErrorException" }] as const;
  const calls = ["begin", "claim", "first write", "second write", "commit"];
  const faults = calls.flatMap((call, index) => fates.map((fate) => ({ call, index, fate })));

  test.each(faults)("$call: $fate", async ({ index, fate }) => {
    behaviours.set("twice", (job) => job.sql`insert into effects values (${job.id}::uuid, 'second')`);
    const id = await send("twice");
    let seen = -1;
    room.local.wire.decide(() => {
      seen += 1;
      return seen === index ? fate : "pass";
    });
    for (let delivery = 1; delivery <= 3 && (await room.queue.count()) > 0; delivery += 1) {
      await work();
      await room.sqs.clock.advance(60_000);
    }
    expect(seen).toBeGreaterThan(index);
    expect(await room.queue.count()).toBe(0);
    expect(await room.queue.deadLetters()).toEqual([]);
    expect(await notesOf(id)).toEqual(["twice", "second"]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
  });
});
