import { callsOfBatch, callsToEnqueue } from "@tendril/core/call-budget";
import type { Bench, BenchContext, BenchReport, Row } from "../../test/support/bench/bench.ts";
import {
  type Counted,
  type CountedBatch,
  type CountedEnqueue,
  countAll,
} from "../../test/support/bench/calls/count.ts";
import { costRows } from "./calls-cost.ts";

/** AWS calls, and what they come to. */
export const bench: Bench = {
  name: "calls",
  compares:
    "AWS calls on the wire beside the written budget and Powertools' idempotency; and by AWS's prices a million jobs beside DynamoDB idempotency and Beanstalk",
  run: measure,
  runShort: measure,
};

async function measure({ progress }: BenchContext): Promise<BenchReport> {
  const counted = await countAll(progress);
  const { batches, enqueues } = counted;
  const rows = [...batches.flatMap(batchRows), ...enqueues.map(enqueueRow), goalRow(counted), ...costRows()];
  return { rows, notes, found: counted };
}

const powertools = "Powertools";
/** A record "in progress" and a record "completed" for each job; one that fails, is deleted. */
const powertoolsCalls = 2;

function batchRows({ way, end, jobs, calls }: CountedBatch): Row[] {
  const budget = callsOfBatch(way, end, jobs);
  const row = (service: string, of: "database" | "sqs"): Row => ({
    figure: `${jobs === 1 ? "one job" : "ten jobs"}, ${way}, ${end}, ${service}`,
    value: calls[of],
    unit: "calls",
    atMost: budget[of],
    ...(end === "done" && of === "database"
      ? { ratios: [{ to: powertools, ratio: calls[of] / (powertoolsCalls * jobs) }] }
      : {}),
  });
  const rows = [row("Data API", "database"), row("SQS", "sqs")];
  const some = rows.filter(({ value, atMost = 0 }) => value + atMost > 0);
  return some.length > 0 ? some : [row("Data API and SQS", "database")];
}

function enqueueRow({ door, jobs, calls: { api, database, sqs } }: CountedEnqueue): Row {
  const budget = callsToEnqueue(door, jobs);
  const parts = [
    `${sqs} of SQS`,
    ...(api > 0 ? [`${api} HTTP`] : []),
    ...(database > 0 ? [`${database} Data API`] : []),
  ];
  return {
    figure: `enqueue ${jobs.toLocaleString("en-US")} (${door}): ${parts.join(", ")}`,
    value: api + database + sqs,
    unit: "calls",
    atMost: budget.api + budget.database + budget.sqs,
  };
}

function goalRow({ batches, enqueues }: Counted): Row {
  const worked = batches.find(({ way, end, jobs }) => way === "grouped" && end === "done" && jobs === 10)?.calls;
  const sent = enqueues.find(({ door, jobs }) => door === "sqs" && jobs === 10)?.calls;
  if (worked === undefined || sent === undefined) throw new Error("no ten grouped jobs were counted");
  const value = (worked.database + worked.sqs + sent.sqs) / 10;
  return { figure: "a grouped job in batches of ten, enqueueing included", value, unit: "calls", atMost: 0.2 };
}

const notes = [
  'Counted on the wire. "of 20" is the written budget, packages/core/src/call-budget.ts. What Lambda receives and deletes, 0.2\ncalls a job, and what handlers call by themselves are not in it. Powertools\' idempotency makes two calls a job, of DynamoDB.',
  "A million jobs: 50 ms in 256 MB on arm, batches of ten, ten jobs a request of the API, by packages/core/src/prices.ts;\nthe difference that the eleventh million a month makes. Powertools' idempotency with DynamoDB writes twice a job (in\nprogress, completed), at AWS's price for items of up to 1 KB; it forgets them, and its writes are not the job's\ntransaction. Both sides need a database for the job's own statement: it is not in that comparison.",
  "Where the lines cross: the jobs a month up to which the tier costs less than one t4g.small, without redundancy, whose\nproducers send to SQS themselves, with a db.t4g.micro or with the tier's own Aurora. Jobs that come evenly keep a database\nawake from some thousands a month on; the same jobs in a few bursts let it sleep.",
];
