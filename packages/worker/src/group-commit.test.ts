import { type JobId, parseJobId } from "@tendril/core/job-id";
import type { GroupEnd, GroupedJob } from "@tendril/ledger/group-commit";
import { describe, expect, test } from "vitest";
import { openDeadline } from "./deadline.ts";
import { openGroup } from "./group-commit.ts";

const idOf = (number: number): JobId => parseJobId(`00000000-0000-7000-8000-${String(number).padStart(12, "0")}`);

const jobOf = (number: number): GroupedJob => ({
  jobId: idOf(number),
  delivery: { job: { id: idOf(number), type: "Note", input: null }, queue: "jobs", messageId: "m" },
  writes: [],
  followUps: [],
});

/** A group over a ledger that answers as it is told, call by call; and the numbers of the jobs of each call. */
function groupOf(answers: ((jobs: readonly GroupedJob[]) => readonly GroupEnd[])[]) {
  const calls: number[][] = [];
  const deadline = openDeadline(60_000, Date.now);
  const commitGroup = async (jobs: readonly GroupedJob[]): Promise<readonly GroupEnd[]> => {
    calls.push(jobs.map(({ jobId }) => Number(jobId.slice(-12))));
    return answers.shift()?.(jobs) ?? jobs.map(() => done);
  };
  const group = openGroup({ ledger: { commitGroup }, deadline, jobsAtOnce: 2 });
  return { group, calls, commit: (...numbers: number[]) => numbers.map((number) => group.commit(jobOf(number))) };
}

const done: GroupEnd = { kind: "done", attempt: 1 };
const unreached: GroupEnd = { kind: "unreached" };
const alone: GroupEnd = { kind: "alone", reason: "why" };

describe("the jobs of a batch", () => {
  test("go together once no handler runs any more, in the order of their ids", async () => {
    const { group, calls, commit } = groupOf([]);
    const ends = commit(3, 1, 2);
    expect(calls).toEqual([]);
    group.flush();
    expect(await Promise.all(ends)).toEqual([done, done, done]);
    expect(calls).toEqual([[1, 2, 3]]);
  });

  test("that come after that go at once", async () => {
    const { group, calls, commit } = groupOf([]);
    group.flush();
    expect(await Promise.all(commit(1))).toEqual([done]);
    expect(calls).toEqual([[1]]);
  });

  test("that were not reached go in the next call, and each hears of its own end", async () => {
    const { group, calls, commit } = groupOf([() => [done, alone, unreached, unreached], () => [done, unreached]]);
    const ends = commit(1, 2, 3, 4);
    group.flush();
    expect(await Promise.all(ends)).toEqual([done, alone, done, done]);
    expect(calls).toEqual([[1, 2, 3, 4], [3, 4], [4]]);
  });

  test("of which nobody knows are not sent again", async () => {
    const error = new Error("no answer");
    const lose = (): never => {
      throw error;
    };
    const { group, calls, commit } = groupOf([() => [done, unreached, unreached], lose]);
    const ends = commit(1, 2, 3);
    group.flush();
    expect(await Promise.all(ends)).toEqual([done, { kind: "away", error }, { kind: "away", error }]);
    expect(calls).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
  });

  test("that have to be committed alone are, a few at a time", async () => {
    const { group } = groupOf([]);
    let running = 0;
    const most = await Promise.all(
      Array.from({ length: 6 }, () =>
        group.alone(async () => {
          running += 1;
          await new Promise((resolve) => setImmediate(resolve));
          return running--;
        }),
      ),
    );
    expect(Math.max(...most)).toBe(2);
  });
});
