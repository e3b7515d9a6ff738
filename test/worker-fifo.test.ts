import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId } from "@tendril/core/job-id";
import { Unrecoverable } from "@tendril/core/outcome";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Hasty = defineJob({ type: "Hasty", input: z.string(), timeout: "1 second" });

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote), handle(Hasty, writeNote)];

const room = useWorkerRoom(makeHandlers, { fifo: true });
const { behaviours, failAlways, messagesOf, notesOf, send, work } = room;

describe("a FIFO queue", () => {
  test("keeps the order of a group when one fails, and lets other groups go on", async () => {
    failAlways("a1", new Error("not yet"));
    const [a1, a2, b1] = [
      await send("a1", { group: "a" }),
      await send("a2", { group: "a" }),
      await send("b1", { group: "b" }),
    ];
    expect(await work()).toHaveLength(2);
    expect(messagesOf(a2)).toEqual(["job returned"]);
    expect([await notesOf(a1), await notesOf(a2), await notesOf(b1)]).toEqual([[], [], ["b1"]]);
    behaviours.clear();
    await room.sqs.clock.advance(4000);
    expect(await work()).toEqual([]);
    const done = room.bench.lines.filter((line) => line.message === "job done").map((line) => line.job_id);
    expect(done).toEqual([b1, a1, a2]);
  });

  test("dead-letters into the same group, and goes on with the group", async () => {
    failAlways("a1", new Unrecoverable("never"));
    await send("a1", { group: "a" });
    const a2 = await send("a2", { group: "a" });
    expect(await work()).toEqual([]);
    expect((await room.queue.deadLetters())[0]?.Attributes).toMatchObject({ MessageGroupId: "a" });
    expect(await notesOf(a2)).toEqual(["a2"]);
  });

  test("loses no letter that dies twice within five minutes", async () => {
    failAlways("a1", new Unrecoverable("never"));
    const id = await send("a1", { group: "a" });
    await work();
    const MessageBody = (await room.queue.deadLetters())[0]?.Body;
    await room.queue.send({
      MessageBody,
      MessageAttributes: idAttribute(id),
      MessageGroupId: "a",
      MessageDeduplicationId: "sent-back",
    });
    await work();
    await room.sqs.clock.advance(240_000);
    expect(await room.queue.deadLetters()).toHaveLength(2);
  });

  test("holds a group back while the follow-ups of one of its jobs are not sent: they keep the order, too", async () => {
    for (const note of ["a1", "a2"]) behaviours.set(note, (job) => job.enqueue(Note, `after ${note}`, { group: "b" }));
    const [a1, a2] = [await send("a1", { group: "a" }), await send("a2", { group: "a" })];
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(2);
    expect([await notesOf(a1), await notesOf(a2)]).toEqual([["a1"], []]);
    room.sqsWire.decide(() => "pass");
    await room.sqs.clock.advance(4000);
    expect(await work()).toEqual([]);
    expect(await work()).toEqual([]);
    const done = room.bench.lines.filter((line) => line.message === "job done").map((line) => line.job_id);
    expect(done).toEqual([a2, followUpJobId(a1, 0), followUpJobId(a2, 0)]);
  });

  test("runs a suspect in its turn, when SQS has heard of those before it", async () => {
    const a1 = await send("a1", { group: "a" });
    for (let death = 1; death <= 2; death += 1) await room.crash();
    const b1 = await send("b1", { group: "b" });
    const a2 = await send("a2", { group: "a" });
    const left: number[] = [];
    behaviours.set("a1", async () => void left.push(await room.queue.count()));
    expect(await work()).toEqual([]);
    const done = room.bench.lines.filter((line) => line.message === "job done").map((line) => line.job_id);
    expect(done.filter((id) => id !== b1)).toEqual([a1, a2]);
    expect(left).toEqual([done.indexOf(b1) < done.indexOf(a1) ? 2 : 3]);
  });
});
