import { type BatchEnd, callsOfBatch, callsToEnqueue, type Door, type Way } from "@tendril/core/call-budget";
import type { Bench, BenchReport, Row } from "../../test/support/bench/bench.ts";
import { costRows } from "./calls-cost.ts";

const ways: readonly Way[] = ["at-least-once", "exactly-once", "grouped"];
const ends: readonly BatchEnd[] = [
  "done",
  "done with a result",
  "done with a follow-up",
  "failed",
  "dead",
  "delivered again, done",
  "delivered again, failed",
];
const doors: readonly Door[] = ["sqs", "api", "api with keys"];

/** What the budget of calls says, and what it comes to. */
export const bench: Bench = {
  name: "calls",
  compares:
    "AWS calls by the written budget, and a million jobs by AWS's prices beside DynamoDB idempotency and Beanstalk",
  run: async () => report(),
  runShort: async () => report(),
};

function report(): BenchReport {
  return { rows: [...batchRows(), ...enqueueRows(), goalRow(), ...costRows()], notes };
}

function batchRows(): Row[] {
  return ways.flatMap((way) =>
    ends.flatMap((end): Row[] => {
      const { database, sqs } = callsOfBatch(way, end, 10);
      const row = (service: string, calls: number): Row[] =>
        calls === 0 ? [] : [{ figure: `ten jobs, ${way}, ${end}: ${service}`, value: calls, unit: "calls" }];
      const rows = [...row("Data API", database), ...row("SQS", sqs)];
      return rows.length > 0 ? rows : [{ figure: `ten jobs, ${way}, ${end}`, value: 0, unit: "calls" }];
    }),
  );
}

function enqueueRows(): Row[] {
  return doors.flatMap((door) =>
    [1, 10, 100, 1000].map((jobs): Row => {
      const { api, database, sqs } = callsToEnqueue(door, jobs);
      const parts = [
        `${sqs} of SQS`,
        ...(api > 0 ? [`${api} HTTP`] : []),
        ...(database > 0 ? [`${database} Data API`] : []),
      ];
      return { figure: `enqueue ${jobs} (${door}): ${parts.join(", ")}`, value: api + database + sqs, unit: "calls" };
    }),
  );
}

function goalRow(): Row {
  const [worked, sent] = [callsOfBatch("grouped", "done", 10), callsToEnqueue("sqs", 10)];
  const value = (worked.database + worked.sqs + sent.sqs) / 10;
  return { figure: "a grouped job in batches of ten, enqueueing included", value, unit: "calls", atMost: 0.2 };
}

const notes = [
  "test/calls-budget.test.ts counts them on the wire: the table is that budget. What Lambda receives and deletes, 0.2 calls\na job, and what handlers call by themselves are not in it.",
  "A million jobs: 50 ms in 256 MB on arm, batches of ten, ten jobs a request of the API, by packages/core/src/prices.ts;\nthe difference that the eleventh million a month makes. Powertools' idempotency with DynamoDB writes twice a job (in\nprogress, completed), at AWS's price for items of up to 1 KB; it forgets them, and its writes are not the job's\ntransaction. Both sides need a database for the job's own statement: it is not in that comparison.",
  "Where the lines cross: the jobs a month up to which the tier costs less than one t4g.small, without redundancy, whose\nproducers send to SQS themselves, with a db.t4g.micro or with the tier's own Aurora. Jobs that come evenly keep a database\nawake from some thousands a month on; the same jobs in a few bursts let it sleep.",
];
