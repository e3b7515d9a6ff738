import { randomUUID } from "node:crypto";
import { type JobId, parseJobId } from "@tendril/core/job-id";
import type { JobQuery } from "@tendril/core/job-record";
import type { OutgoingMessage, WireJob } from "@tendril/core/message";
import type { GroupedJob } from "@tendril/ledger/group-commit";
import { createJobStore } from "@tendril/ledger/job-store";
import { createLedger } from "@tendril/ledger/ledger";
import { newJob, signal } from "../ledger-bench.ts";
import { type LedgerTables, oldestDays } from "./scale-ledger.ts";

/** A call of the ledger or of the job store that can be made any number of times. */
export type LedgerCall = readonly [name: string, call: () => Promise<unknown>];

export interface LedgerCalls {
  /** What workers and doors do. */
  readonly work: readonly LedgerCall[];
  /** Pages of jobs, each with the page after it. */
  readonly pages: readonly LedgerCall[];
  /** Looks for jobs and follow-ups that the calls may use up. While there are none, they use ids that nobody has. */
  find(): Promise<void>;
}

/** All statements of the ledger and of the job store, by the calls that make them. */
export function ledgerCalls({ database, query }: Pick<LedgerTables, "database" | "query">): LedgerCalls {
  const ledger = createLedger(database);
  const store = createJobStore(database);
  const supply = createSupply(query);
  const { takeDead, takeFollowUp } = supply;

  async function run(job: WireJob, children: readonly OutgoingMessage[] = []): Promise<void> {
    const claim = await ledger.claim({ job, queue: "jobs", messageId: randomUUID() }, signal);
    if (claim.kind !== "claimed") return;
    await ledger.markStart(job.id, signal);
    await ledger.finish(claim.transaction, { jobId: job.id, result: "{}", followUps: children });
    await claim.transaction.commit();
  }
  const fail = (job: WireJob, state: "retry" | "dead") =>
    ledger.recordFailure({ job, queue: "jobs", messageId: "m", attempt: 1, state, error: "Error: no", ranForMs: 5 });
  async function readAll(jobId: JobId): Promise<void> {
    for await (const page of ledger.followUpsOf(jobId, signal)) if (page.length === 0) throw new Error("an empty page");
  }
  const purge = (olderThanDays: number) => ledger.purge({ olderThanMs: olderThanDays * 86_400_000, most: 500 });
  const list = (asked: Partial<JobQuery>) => async () => {
    const { next } = await store.list({ limit: 20, ...asked }, signal);
    if (next !== undefined) await store.list({ limit: 20, ...asked, cursor: next }, signal);
  };

  const work: LedgerCall[] = [
    ["a job's claim, start, end and follow-ups", () => run(newJob(), messages(3))],
    ["a dead job's claim, start and end", () => run({ ...newJob(), id: takeDead() })],
    ["a claim of a job that is done and owes", () => run({ ...newJob(), id: takeFollowUp().parent })],
    ["a claim of a schedule's run that may overlap", () => run(scheduled())],
    ["a new job's failure", () => fail(newJob(), "retry")],
    ["another failure of a job", () => fail({ ...newJob(), id: takeDead() }, "dead")],
    ["a group of ten", () => ledger.commitGroup(Array.from({ length: 10 }, grouped), signal)],
    ["follow-ups that are read", () => readAll(takeFollowUp().parent)],
    ["one follow-up that is forgotten", () => ledger.clearFollowUps([takeFollowUp().id], signal)],
    [
      "200 follow-ups that are forgotten",
      () =>
        ledger.clearFollowUps(
          times(200, () => takeFollowUp().id),
          signal,
        ),
    ],
    ["a purge of 500", () => purge(oldestDays / 2)],
    ["a purge of none but jobs that were cancelled, which stay", () => purge(0.91 * oldestDays)],
    ["a purge that finds nothing", () => purge(2 * oldestDays)],
    ["a job that is read", () => store.read(takeDead(), signal)],
    ["a job that is read, and is not there", () => store.read(newJob().id, signal)],
    ["a job that is read in the outbox", () => store.read(takeFollowUp().id, signal)],
    ["a job that is cancelled", () => store.cancel({ id: newJob().id, type: "TestJob", queue: "jobs" }, signal)],
    ["100 keys that are noted", () => store.note(times(100, keyed), signal)],
  ];
  return {
    work,
    pages: pages.map(([name, asked]) => [`a page of ${name}, and the next`, list(asked)]),
    find: supply.find,
  };
}

const day = 86_400_000;

const pages: [string, Partial<JobQuery>][] = [
  ["all jobs", {}],
  ["jobs of a time", { since: new Date(Date.now() - 40 * day), until: new Date(Date.now() - 30 * day) }],
  ...(["retry", "dead", "skipped", "cancelled", "running", "done", "queued"] as const).map(
    (state): [string, Partial<JobQuery>] => [`jobs that are ${state}`, { state }],
  ),
  ["a rare type's jobs", { type: "RareJob" }],
  ["jobs of a type that is not in use any more", { type: "OldJob" }],
  ["a common type's jobs", { type: "CommonJob" }],
  ["dead jobs of a common type", { type: "CommonJob", state: "dead" }],
  ["dead jobs of a rare type", { type: "RareJob", state: "dead" }],
  ["jobs of a type that there is not", { type: "NoJob" }],
  ["dead jobs of a type that there is not", { type: "NoJob", state: "dead" }],
  ["jobs of a queue that there is not", { queue: "none" }],
];

function createSupply(query: LedgerTables["query"]) {
  const dead: JobId[] = [];
  const followUps: { id: JobId; parent: JobId }[] = [];
  return {
    takeDead: (): JobId => dead.pop() ?? newJob().id,
    takeFollowUp: () => followUps.pop() ?? { id: newJob().id, parent: newJob().id },
    async find(): Promise<void> {
      const [jobs, waiting] = [
        await query("select id from tendril.jobs where state = 'dead' order by started_at desc limit 500"),
        await query("select id, parent_id from tendril.outbox limit 8000"),
      ];
      dead.splice(0, dead.length, ...jobs.map(({ id }) => parseJobId(String(id))));
      const found = waiting.map((row) => ({
        id: parseJobId(String(row.id)),
        parent: parseJobId(String(row.parent_id)),
      }));
      followUps.splice(0, followUps.length, ...found);
    },
  };
}

const times = <Item>(count: number, make: () => Item): Item[] => Array.from({ length: count }, make);

const messages = (count: number): OutgoingMessage[] =>
  times(count, () => ({ id: newJob().id, queue: "jobs", body: "{}", attributes: {} }));

const keyed = () => ({ id: newJob().id, type: "TestJob", queue: "jobs", inputHash: "" });

const scheduled = (): WireJob => ({
  ...newJob(),
  schedule: { name: "task", scheduledAt: new Date(Date.now() + 60_000) },
  overlap: "skip",
});

function grouped(): GroupedJob {
  const job = newJob();
  const delivery = { job, queue: "jobs", messageId: randomUUID() };
  return { delivery, jobId: job.id, result: "{}", followUps: messages(1), writes: [] };
}
