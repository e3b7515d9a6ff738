import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import type { JobStore } from "@tendril/core/job-record";
import { createJobStore } from "@tendril/ledger/job-store";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { newId, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "4 seconds" } },
});

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, messagesOf, notesOf, send, work } = room;
const { signal } = new AbortController();

let store: JobStore;
beforeAll(async () => {
  const [row] = await room.query("select current_database() as name");
  store = createJobStore(room.local.openDatabase(String(row?.name)));
});

const stateOf = async (id: JobId) => (await store.read(id, signal))?.state;
const cancel = (id: JobId) => store.cancel({ id, type: "Note", queue: "jobs" }, signal);

describe("a job that was cancelled while it waited", () => {
  test("is not run, says why in one line, and its message is deleted", async () => {
    const id = await send("unwanted");
    expect(await cancel(id)).toEqual({ kind: "cancelled" });
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual([]);
    expect(room.bench.linesOf(id)).toEqual([
      expect.objectContaining({ message: "job skipped", reason: "cancelled before it began" }),
    ]);
    expect(await room.queue.count()).toBe(0);
    expect(await stateOf(id)).toBe("cancelled");
  });

  test("does not keep the others of its batch from running", async () => {
    const ids = [await send("one"), await send("two"), await send("three")];
    await cancel(ids[1] ?? newId());
    expect(await work()).toEqual([]);
    expect(await Promise.all(ids.map(stateOf))).toEqual(["done", "cancelled", "done"]);
  });
});

test("a job says how it stands from its first attempt to its last", async () => {
  const id = await send("stubborn");
  const seen: unknown[] = [await stateOf(id)];
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    behaviours.set("stubborn", async () => {
      seen.push(await stateOf(id), await cancel(id));
      throw new Error("no");
    });
    await work();
    seen.push(await stateOf(id));
    await room.sqs.clock.advance(4_000);
  }
  const refused = { kind: "begun", state: "running" };
  expect(seen).toEqual([
    undefined,
    "running",
    refused,
    "retry",
    "running",
    refused,
    "retry",
    "running",
    refused,
    "dead",
  ]);
  expect(messagesOf(id)).toContain("job dead");
  expect(await cancel(id)).toEqual({ kind: "begun", state: "dead" });
});
