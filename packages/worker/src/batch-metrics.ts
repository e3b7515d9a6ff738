import { type Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Settlement } from "./batch.ts";

/** What is measured of a delivery. */
export interface Measure {
  /** One of the worker's job types, or `unknown`: few different values, since each is a metric of its own. */
  readonly jobType: string;
  readonly kind: Settlement["kind"];
  /** How long the attempt took, in milliseconds; absent when none began. */
  readonly ms?: number;
  /** How many follow-ups were sent. */
  readonly followUps?: number;
  /** Whether the job is dead because its process ended while it ran. */
  readonly crashed?: boolean;
  /** How many jobs the ledger has forgotten. */
  readonly purged?: number;
}

const counters = {
  done: "JobsDone",
  retry: "JobsRetried",
  dead: "JobsDead",
  duplicate: "JobsDuplicate",
  skipped: "JobsSkipped",
  returned: "JobsReturned",
} as const satisfies Record<Settlement["kind"], string>;

/**
 * A metric takes 100 values in a document; at the 100th Powertools publishes by itself, without the dimensions of what
 * comes after. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const mostValues = 99;

/** Publishes a batch's metrics: one EMF document for each job type in it, with the dimensions `queue` and `job_type`. */
export function publishBatch(metrics: Metrics, queue: string, measures: readonly Measure[]): void {
  for (const [jobType, ofType] of Map.groupBy(measures, (measure) => measure.jobType)) {
    for (let start = 0; start < ofType.length; start += mostValues) {
      metrics.addDimension("queue", queue).addDimension("job_type", jobType);
      addMeasures(metrics, ofType.slice(start, start + mostValues));
      metrics.publishStoredMetrics();
    }
  }
}

function addMeasures(metrics: Metrics, measures: readonly Measure[]): void {
  for (const [kind, { length }] of Map.groupBy(measures, (measure) => measure.kind)) {
    metrics.addMetric(counters[kind], MetricUnit.Count, length);
  }
  addCount(metrics, "JobsCrashed", measures.filter((measure) => measure.crashed === true).length);
  addCount(metrics, "FollowUpsSent", sum(measures.map((measure) => measure.followUps ?? 0)));
  addCount(metrics, "JobsPurged", sum(measures.map((measure) => measure.purged ?? 0)));
  for (const { ms } of measures) {
    if (ms !== undefined) metrics.addMetric("JobDuration", MetricUnit.Milliseconds, ms);
  }
}

/** Nothing for 0: most batches have none. */
function addCount(metrics: Metrics, name: string, count: number): void {
  if (count > 0) metrics.addMetric(name, MetricUnit.Count, count);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
