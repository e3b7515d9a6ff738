import { randomBytes } from "node:crypto";
import { newJobId } from "@tendril/core/job-id";
import type { WireJob } from "@tendril/core/message";
import type { Database } from "@tendril/ledger/database";
import { type Claim, createLedger, type Ledger } from "@tendril/ledger/ledger";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import type { TestContext } from "vitest";
import { readAccountDatabase } from "./account-database.ts";
import { migrateLedger, startTestDatabase, type TestDatabase } from "./local-aws.ts";

export type Claimed = Extract<Claim, { kind: "claimed" }>;

/** A ledger in a database of its own, which also has a table `effects (job uuid, note text)`. */
export interface LedgerBench {
  readonly local: TestDatabase;
  /** Of the local Data API: it ends transactions. Tests that move it call `needsVirtualClock` first. */
  readonly clock: VirtualClock;
  readonly name: string;
  readonly database: Database;
  readonly ledger: Ledger;
  /** A delivery's claim. The message is the job's own, or the given one. */
  claim(job: WireJob, messageId?: string): Promise<Claim>;
  /** The same; throws when the claim is any other. */
  claimed(job: WireJob, messageId?: string): Promise<Claimed>;
  /** Writes attempt number `attempt` down as failed. */
  fail(job: WireJob, attempt: number, state: "retry" | "dead", messageId?: string): Promise<void>;
  /** Runs a statement beside the Data API. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  rowOf(job: WireJob): Promise<Record<string, unknown> | undefined>;
  effectsOf(job: WireJob): Promise<unknown[]>;
  close(): Promise<void>;
}

const onAccount = readAccountDatabase() !== undefined;

/** Skips a test on a real account: the Data API keeps its own time there. */
export function needsVirtualClock(context: TestContext): void {
  context.skip(onAccount, "it moves the Data API's clock, which a real account does not let it");
}

/** Skips a test on a real account, where no call passes through a wire that the test has in its hands. */
export function needsLocalWire(context: TestContext): void {
  context.skip(onAccount, "it holds a call back on the network, which is not the test's on a real account");
}

/** A new job of type `TestJob`. */
export const newJob = (): WireJob => ({ id: newJobId(Date.now(), randomBytes(16)), type: "TestJob", input: null });

/** A signal that never aborts. */
export const signal = new AbortController().signal;

/** The SQS message that a job came with. */
const messageOf = (job: WireJob): string => `message of ${job.id}`;

export async function openLedgerBench(): Promise<LedgerBench> {
  const clock = virtualClock(Date.now());
  const local = await startTestDatabase({ clock });
  const { name, database } = await local.freshDatabase();
  await migrateLedger(database);
  const ledger = createLedger(database);
  const query: LedgerBench["query"] = (sql, values) => local.query(name, sql, values);
  await query("create table effects (job uuid not null, note text)");
  const claim: LedgerBench["claim"] = (job, messageId = messageOf(job)) =>
    ledger.claim({ job, queue: "jobs", messageId }, signal);
  return {
    local,
    clock,
    name,
    database,
    ledger,
    claim,
    async claimed(job, messageId) {
      const verdict = await claim(job, messageId);
      if (verdict.kind !== "claimed") throw new Error(`the claim is ${verdict.kind}`);
      return verdict;
    },
    fail: (job, attempt, state, messageId = messageOf(job)) => {
      const error = `Error: number ${attempt}`;
      return ledger.recordFailure({ job, queue: "jobs", messageId, attempt, state, error, ranForMs: 1500 });
    },
    query,
    rowOf: async (job) => (await query("select * from tendril.jobs where id = $1", [job.id]))[0],
    effectsOf: (job) => query("select note from effects where job = $1", [job.id]),
    close: () => local.close(),
  };
}
