import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { exceeded, unpaired } from "./support/bench/bench.ts";
import { measureExactlyOnce } from "./support/bench/exactly-once/measure.ts";
import { useWorkerRoom } from "./support/worker-bench.ts";

type Counts = Readonly<Record<string, number>>;

const ways = [
  "exactly-once",
  "exactly-once, grouped",
  "at-least-once",
  "Powertools idempotency",
  "no-op, exactly-once",
  "no-op, at-least-once",
];

test("the benchmark of exactly-once counts every call, and finds every effect that a fault doubles", async () => {
  const options = { jobs: 10, rounds: 2, callTimesMs: [0], kills: 2 };
  const { rows, found } = await measureExactlyOnce({ ...options, progress: () => {} });

  const mapping = { ReceiveMessage: 1, DeleteMessageBatch: 1 };
  const transactions = { BeginTransaction: 10, CommitTransaction: 10 };
  expect(found.calls).toEqual([
    { way: "exactly-once", database: { ...transactions, Execute: 20 }, sqs: {}, mapping },
    { way: "exactly-once, grouped", database: { Execute: 1 }, sqs: {}, mapping },
    { way: "at-least-once", database: { Execute: 10 }, sqs: {}, mapping },
    { way: "Powertools idempotency", database: { Execute: 30 }, sqs: {}, mapping },
    { way: "no-op, exactly-once", database: { ...transactions, Execute: 10 }, sqs: {}, mapping },
    { way: "no-op, at-least-once", database: {}, sqs: {}, mapping },
  ]);
  expect(found.timings.map(({ way, batchMs }) => [way, batchMs.length])).toEqual(ways.map((way) => [way, 2]));
  // Four ways write, in three batches that warm them up and one in each of two rounds.
  expect(found.effects).toEqual({ rows: 200, jobs: 200 });
  expect(found.kills.map(({ way, effects }) => [way, effects])).toEqual([
    ...[
      ["exactly-once", 2],
      ["exactly-once, grouped", 2],
      ["at-least-once", 4],
      ["Powertools idempotency", 4],
    ],
    ...[
      ["exactly-once", 2],
      ["exactly-once, grouped", 2],
      ["at-least-once", 4],
      ["Powertools idempotency", 4],
    ],
    ...[
      ["exactly-once", 2],
      ["exactly-once, grouped", 2],
      ["at-least-once", 4],
      ["Powertools idempotency", 2],
    ],
  ]);
  for (const { jobs, lost, left } of found.kills) expect({ jobs, lost, left }).toEqual({ jobs: 2, lost: 0, left: 0 });
  for (const way of ways) expect(rows.filter(({ figure }) => figure.endsWith(`: ${way}`)).length).toBeGreaterThan(1);
  expect(unpaired(rows)).toEqual([]);
  expect(exceeded(rows)).toEqual([]);
  const doubled = rows.filter(({ figure }) => figure.startsWith("doubled"));
  expect(doubled.map(({ value, atMost }) => [value, atMost])).toEqual(
    [2, 2, 0].flatMap((powertools) => [
      [0, 0],
      [0, 0],
      [2, undefined],
      [powertools, undefined],
    ]),
  );
}, 120_000);

describe("the budget of a batch of ten exactly-once jobs", () => {
  const Note = defineJob({ type: "Note", input: z.string() });
  const room = useWorkerRoom(({ writeNote }) => [handle(Note, writeNote)]);

  const timesOf = (actions: readonly string[]): Counts =>
    Object.fromEntries(
      [...new Set(actions)].map((action) => [action, actions.filter((each) => each === action).length]),
    );

  async function work(failing: number): Promise<{ database: Counts; sqs: Counts }> {
    for (let job = 0; job < 10; job += 1) {
      if (job < failing) room.failAlways(`job ${job}`, new Error("no"));
      await room.send(`job ${job}`);
    }
    expect(await room.work()).toHaveLength(failing);
    const { database, sqs } = room.calls();
    return { database: timesOf(database), sqs: timesOf(sqs) };
  }

  test("is for each a begin, a claim, the handler's own calls and a commit, and nothing of SQS", async () => {
    expect(await work(0)).toEqual({
      database: { BeginTransaction: 10, Execute: 10 + 10, CommitTransaction: 10 },
      sqs: {},
    });
  });

  test.each([1, 4, 10])(
    "is for %i that fail a rollback and a failure's line each, and one change of visibility",
    async (failing) => {
      const { database, sqs } = await work(failing);
      expect(database).toEqual({
        BeginTransaction: 10,
        Execute: 10 + 10 + failing,
        ...(failing < 10 ? { CommitTransaction: 10 - failing } : {}),
        RollbackTransaction: failing,
      });
      expect(sqs).toEqual({ ChangeMessageVisibilityBatch: 1 });
    },
  );
});
