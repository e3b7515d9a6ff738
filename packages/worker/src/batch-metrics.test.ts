import { Metrics } from "@aws-lambda-powertools/metrics";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JobMetrics, type Measure, publishBatch } from "./batch-metrics.ts";

/** The documents that a batch's measures become. */
function documentsOf(measures: readonly Measure[]): Record<string, unknown>[] {
  const documents: Record<string, unknown>[] = [];
  const metrics = new Metrics({ namespace: "Tendril", serviceName: "tendril" });
  Reflect.set(metrics, "console", { log: (line: string) => documents.push(JSON.parse(line)) });
  publishBatch(metrics, "jobs", measures);
  return documents;
}

const withDimensions = { _aws: { CloudWatchMetrics: [{ Dimensions: [["service", "queue", "job_type"]] }] } };

test("a batch of one job type is one document, with counts and durations", () => {
  const documents = documentsOf([
    { jobType: "Mail", kind: "done", ms: 12 },
    { jobType: "Mail", kind: "done", ms: 30 },
    { jobType: "Mail", kind: "retry", ms: 5 },
    { jobType: "Mail", kind: "duplicate" },
  ]);
  expect(documents).toHaveLength(1);
  expect(documents[0]).toMatchObject({
    queue: "jobs",
    job_type: "Mail",
    JobsDone: 2,
    JobsRetried: 1,
    JobsDuplicate: 1,
    JobDuration: [12, 30, 5],
  });
  expect(documents[0]).not.toHaveProperty("JobsDead");
  expect(documents[0]).toMatchObject(withDimensions);
});

test("each job type has a document of its own", () => {
  const documents = documentsOf([
    { jobType: "Mail", kind: "dead", ms: 1 },
    { jobType: "unknown", kind: "dead" },
  ]);
  expect(documents.map((document) => [document.job_type, document.JobsDead])).toEqual([
    ["Mail", 1],
    ["unknown", 1],
  ]);
});

test("what is rare is told when it happens: follow-ups, crashes, jobs that the ledger forgets", () => {
  const documents = documentsOf([
    { jobType: "Mail", kind: "done", ms: 12, followUps: 3 },
    { jobType: "Mail", kind: "duplicate", followUps: 2 },
    { jobType: "Mail", kind: "dead", crashed: true },
    { jobType: "tendril.purge", kind: "done", ms: 5, followUps: 0, purged: 1000 },
  ]);
  expect(documents).toHaveLength(2);
  expect(documents[0]).toMatchObject({ FollowUpsSent: 5, JobsCrashed: 1, JobsDead: 1 });
  expect(documents[0]).not.toHaveProperty("JobsPurged");
  expect(documents[1]).toMatchObject({ job_type: "tendril.purge", JobsPurged: 1000 });
  expect(documents[1]).not.toHaveProperty("FollowUpsSent");
});

test("a large batch loses no value and no dimension", () => {
  const documents = documentsOf(Array.from({ length: 250 }, (_, ms) => ({ jobType: "Mail", kind: "done", ms })));
  expect(documents.flatMap((document) => document.JobDuration)).toHaveLength(250);
  expect(documents.map((document) => document.JobsDone)).toEqual([99, 99, 52]);
  for (const document of documents) expect(document).toMatchObject(withDimensions);
});

test("an empty batch says nothing", () => {
  expect(documentsOf([])).toEqual([]);
});

test("JobMetrics publishes what Powertools' Metrics does, byte for byte but for the time", () => {
  const measure = fc.record(
    {
      jobType: fc.constantFrom("Mail", "unknown", "tendril.purge"),
      kind: fc.constantFrom("done", "retry", "dead", "duplicate", "skipped", "returned"),
      ms: fc.nat(),
      followUps: fc.nat(3),
      crashed: fc.boolean(),
      purged: fc.nat(3),
    },
    { requiredKeys: ["jobType", "kind"] },
  );
  const untimed = (document: string): string => document.replace(/"Timestamp":\d+/, '"Timestamp":0');
  const [ours, theirs]: [string[], string[]] = [[], []];
  const names = { namespace: "Tendril", serviceName: "tendril" };
  const metrics = new JobMetrics({ ...names, write: (document) => void ours.push(untimed(document)) });
  const plain = new Metrics(names);
  Reflect.set(plain, "console", { log: (document: string) => theirs.push(`${untimed(document)}\n`) });
  fc.assert(
    fc.property(fc.array(measure, { maxLength: 120 }), (measures) => {
      publishBatch(metrics, "jobs", measures);
      publishBatch(plain, "jobs", measures);
      expect(ours.splice(0)).toEqual(theirs.splice(0));
    }),
  );
});
