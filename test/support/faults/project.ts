import { copyProject, type Project } from "../project.ts";

/** How many attempts the campaign's job types have; crashes count among them. */
export const attempts = 6;

const spec = `
import { defineJob } from "@tendril/core/job";
import * as z from "zod";

const retry = { attempts: ${attempts}, backoff: { from: "1 second", to: "20 seconds" } } as const;
const parent = {
  input: z.object({ n: z.int(), plan: z.string(), follow: z.string() }),
  queue: "work",
  timeout: "50 seconds",
  retry,
} as const;
const child = { input: z.object({ n: z.int() }), queue: "work", timeout: "50 seconds", retry } as const;

/** Inserts a row, enqueues a follow-up, and sometimes fails: \`plan\` says how. */
export const Parent = defineJob({ type: "Parent", ...parent });

/** The same, committed together with others. */
export const GroupedParent = defineJob({ type: "GroupedParent", commit: "grouped", ...parent });

/** A follow-up: inserts a row. */
export const Child = defineJob({ type: "Child", ...child });

/** The same, committed together with others. */
export const GroupedChild = defineJob({ type: "GroupedChild", commit: "grouped", ...child });
`;

const handlers = `
import { type AtLeastOnceContext, handle } from "@tendril/core/handler";
import type { ParsedInputOf } from "@tendril/core/job";
import { RetryAfter, Unrecoverable } from "@tendril/core/outcome";
import { Child, GroupedChild, GroupedParent, Parent } from "./campaign.ts";

const follow = {
  now: {},
  soon: { delay: "30 seconds" },
  later: { delay: "20 minutes" },
  ordered: { queue: "ordered", group: "one" },
  grouped: { queue: "ordered", group: "another" },
} as const;

async function goOn({ n, plan, follow: how }: ParsedInputOf<typeof Parent>, job: AtLeastOnceContext) {
  await job.enqueue(n % 4 < 2 ? Child : GroupedChild, { n }, follow[how as keyof typeof follow]);
  if (plan === "fails once" && job.attempt === 1) throw new Error("this attempt fails");
  if (plan === "fails always") throw new Error("every attempt fails");
  if (plan === "throws nothing" && job.attempt === 1) throw undefined;
  if (plan === "comes back" && job.attempt === 1) throw new RetryAfter("5 seconds");
  if (plan === "gives up") throw new Unrecoverable("there is no help");
  if (plan === "ends its process" && job.attempt === 1) process.exit(3);
  return { n };
}

const parent = handle(Parent, async (order, job) => {
  await job.sql\`insert into effects (kind, n, job_id) values ('parent', \${order.n}, \${job.id}::uuid)\`;
  return goOn(order, job);
});

const groupedParent = handle(GroupedParent, async (order, job) => {
  job.write\`insert into effects (kind, n, job_id) values ('parent', \${order.n}, \${job.id}::uuid)\`;
  return goOn(order, job);
});

const child = handle(Child, async ({ n }, job) => {
  await job.sql\`insert into effects (kind, n, job_id) values ('child', \${n}, \${job.id}::uuid)\`;
});

const groupedChild = handle(GroupedChild, async ({ n }, job) => {
  job.write\`insert into effects (kind, n, job_id) values ('child', \${n}, \${job.id}::uuid)\`;
});

export const handlers = [parent, groupedParent, child, groupedChild];
`;

const tier = `
import { defineTier } from "@tendril/core/tier";
import { Child, GroupedChild, GroupedParent, Parent } from "./campaign.ts";

export const tier = defineTier({
  name: "faults",
  queues: { work: { maxReceiveCount: 100 }, ordered: { fifo: true, maxReceiveCount: 300, worker: { timeout: "60 seconds" } } },
  jobs: [Parent, GroupedParent, Child, GroupedChild],
});
`;

/** A project whose jobs show what becomes of them: each effect is a row of the table \`effects\`, which refuses nothing. */
export async function campaignProject(): Promise<Project> {
  const project = await copyProject();
  await project.write("packages/jobs/src/campaign.ts", spec);
  await project.write("packages/jobs/src/handlers.ts", handlers);
  await project.write("packages/jobs/src/tier.ts", tier);
  await project.write(
    "packages/jobs/migrations/0002_effects.sql",
    "create table effects (kind text not null, n int not null, job_id uuid not null, at timestamptz default clock_timestamp());",
  );
  return project;
}

/** What the campaign asks of a job. */
export interface Order {
  readonly n: number;
  readonly plan: string;
  readonly follow: string;
}

const plans = ["fails once", "fails always", "throws nothing", "comes back", "gives up", "ends its process"];
const follows = ["soon", "later", "ordered", "grouped"];

/** The order number \`n\`: most jobs succeed and have their follow-up at once. */
export function orderOf(n: number): Order {
  const plan = n % 250 === 7 ? "ends its process" : n % 8 === 0 ? (plans[(n / 8) % 5] ?? "") : "succeeds";
  return { n, plan, follow: n % 5 === 0 ? (follows[(n / 5) % 4] ?? "") : "now" };
}

/** Whether the job is committed together with others: half of each kind. */
export const isGrouped = ({ n }: Order): boolean => (n + Math.floor(n / 8)) % 2 === 1;

/** Whether the job can only end dead. */
export const isDoomed = ({ plan }: Order): boolean => plan === "fails always" || plan === "gives up";
