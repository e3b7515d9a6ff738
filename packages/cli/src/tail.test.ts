import type { HttpCall } from "@tendril/client/http-call";
import { newJobId } from "@tendril/core/job-id";
import type { JobState } from "@tendril/core/job-record";
import { expect, test } from "vitest";
import { createFollower } from "./tail.ts";

const startMs = Date.parse("2026-11-20T12:00:00Z");
const none = { state: undefined, type: undefined, queue: undefined, sinceMs: undefined };

/** A job that began so many seconds after the start, and came to its state so many later. */
interface Row {
  readonly number: number;
  readonly state: JobState;
  readonly beganAt: number;
  readonly changedAt: number;
}

const idOf = (number: number): string => newJobId(number, new Uint8Array(16));
const iso = (seconds: number): string => new Date(startMs + seconds * 1000).toISOString();

/** An API whose jobs are listed as the ledger lists them. */
function apiOf(rows: Row[]): { readonly call: HttpCall; readonly pages: string[] } {
  const pages: string[] = [];
  const call: HttpCall = async ({ path }) => {
    pages.push(path);
    const query = new URL(path, "http://api").searchParams;
    const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
    const listed = rows
      .filter(({ beganAt }) => iso(beganAt) >= String(query.get("since")))
      .sort((a, b) => b.beganAt - a.beganAt || b.number - a.number);
    const jobs = listed.slice(from, from + limit).map(({ number, state, beganAt, changedAt }) => {
      const end = state === "dead" ? { failed_at: iso(changedAt) } : { finished_at: iso(changedAt) };
      return {
        job_id: idOf(number),
        job_type: "Note",
        queue: "jobs",
        state,
        attempts: 1,
        started_at: iso(beganAt),
        ...end,
      };
    });
    return from + limit < listed.length ? { jobs, next: String(from + limit) } : { jobs };
  };
  return { call, pages };
}

const done = (number: number, beganAt: number, changedAt = beganAt): Row => ({
  number,
  state: "done",
  beganAt,
  changedAt,
});

test("each change is told once, in the order of its time, and nothing of what was before", async () => {
  const rows = [done(1, -5), done(2, 2)];
  const { call } = apiOf(rows);
  const follow = createFollower(call, none, startMs, () => startMs + 3_000);
  const ids = async () => (await follow()).map(({ job }) => `${job.id} ${job.state}`);
  expect(await ids()).toEqual([`${idOf(2)} done`]);
  expect(await ids()).toEqual([]);
  rows.push(done(3, 9, 12), { number: 4, state: "dead", beganAt: 10, changedAt: 11 });
  expect(await ids()).toEqual([`${idOf(4)} dead`, `${idOf(3)} done`]);
  expect(await ids()).toEqual([]);
});

test("what is asked for from before is told at first", async () => {
  const { call } = apiOf([done(1, -500), done(2, -50), done(3, -5000)]);
  const follow = createFollower(call, { ...none, sinceMs: startMs - 600_000 }, startMs, () => startMs);
  expect((await follow()).map(({ job }) => job.id)).toEqual([idOf(1), idOf(2)]);
  expect(await follow()).toEqual([]);
});

test("a long job that ends behind thousands of later ones is told, at a few pages a look", async () => {
  const rows = Array.from({ length: 2_000 }, (_, index) => done(index, index / 10));
  const { call, pages } = apiOf(rows);
  const follow = createFollower(call, none, startMs, () => startMs + 200_000);
  for (let told = 0; told < 2_000; ) told += (await follow()).length;
  rows.push(done(9_999, -1, 201));
  let found: readonly string[] = [];
  let looks = 0;
  for (; found.length === 0 && looks < 100; looks += 1) {
    pages.length = 0;
    found = (await follow()).map(({ job }) => job.id);
    expect(pages.length).toBeLessThanOrEqual(3);
  }
  expect(found).toEqual([idOf(9_999)]);
});
