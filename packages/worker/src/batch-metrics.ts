import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Settlement } from "./batch.ts";

/** What is measured of a delivery. */
export interface Measure {
  /** One of the worker's job types, or `unknown`: few different values, since each is a metric of its own. */
  readonly jobType: string;
  readonly kind: Settlement["kind"];
  /** How long the attempt took, in milliseconds; absent when none began. */
  readonly ms?: number | undefined;
  /** How many follow-ups were sent. */
  readonly followUps?: number | undefined;
  /** Whether the job is dead because its process ended while it ran. */
  readonly crashed?: boolean | undefined;
  /** How many jobs the ledger has forgotten. */
  readonly purged?: number | undefined;
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

/** Metrics of one document: their values by their names. */
type Values = Map<string, number[]>;

/** Publishes a batch's metrics: one EMF document for each job type in it, with the dimensions `queue` and `job_type`. */
export function publishBatch(metrics: Metrics, queue: string, measures: readonly Measure[]): void {
  const [first] = measures;
  if (first === undefined) return;
  if (measures.every(({ jobType }) => jobType === first.jobType)) {
    publishType(metrics, { queue, job_type: first.jobType }, measures);
    return;
  }
  for (const [jobType, ofType] of Map.groupBy(measures, (measure) => measure.jobType)) {
    publishType(metrics, { queue, job_type: jobType }, ofType);
  }
}

interface Dimensions {
  readonly queue: string;
  readonly job_type: string;
}

function publishType(metrics: Metrics, dimensions: Dimensions, measures: readonly Measure[]): void {
  for (let start = 0; start < measures.length; start += mostValues) {
    const values = valuesOf(measures.length <= mostValues ? measures : measures.slice(start, start + mostValues));
    if (metrics instanceof JobMetrics) metrics.publishDocument(dimensions, values);
    else publishDocument(metrics, dimensions, values);
  }
}

function publishDocument(metrics: Metrics, dimensions: Dimensions, values: Values): void {
  addAll(metrics, dimensions, values);
  metrics.publishStoredMetrics();
}

function addAll(metrics: Metrics, dimensions: Dimensions, values: Values): void {
  for (const [name, value] of Object.entries(dimensions)) metrics.addDimension(name, value);
  for (const [name, all] of values) {
    const unit = name === durations ? MetricUnit.Milliseconds : MetricUnit.Count;
    for (const value of all) metrics.addMetric(name, unit, value);
  }
}

const durations = "JobDuration";

function valuesOf(measures: readonly Measure[]): Values {
  const values: Values = new Map();
  for (const { kind } of measures) count(values, counters[kind], 1);
  const all: number[] = [];
  for (const { ms, crashed, followUps, purged } of measures) {
    if (crashed === true) count(values, "JobsCrashed", 1);
    count(values, "FollowUpsSent", followUps);
    count(values, "JobsPurged", purged);
    if (ms !== undefined) all.push(ms);
  }
  if (all.length > 0) values.set(durations, all);
  return values;
}

/** Nothing for 0: most batches have none. */
function count(values: Values, name: string, more = 0): void {
  if (more > 0) values.set(name, [(values.get(name)?.[0] ?? 0) + more]);
}

/** What `JobMetrics` takes: nothing that would change how a document looks. */
export interface JobMetricsOptions {
  readonly namespace: string;
  /** The dimension `service`. */
  readonly serviceName: string;
  /** Writes a document, its end included. Default: to standard output. */
  readonly write?: (document: string) => void;
}

/**
 * Powertools' Metrics, which makes the documents of the same dimensions and metrics after one that it has made before: only
 * the time and the values are put in. Nothing else may be added to it.
 */
export class JobMetrics extends Metrics {
  /** By dimensions and names of metrics: what stands before the time in a document, and between that and the values. */
  readonly #frames = new Map<string, readonly [string, string]>();
  readonly #write: (document: string) => void;

  constructor({ namespace, serviceName, write = (document) => process.stdout.write(document) }: JobMetricsOptions) {
    super({ namespace, serviceName });
    this.#write = write;
  }

  /** Publishes one document with these dimensions. */
  publishDocument(dimensions: Dimensions, values: Values): void {
    if (this.isDisabled()) return;
    let key = `${dimensions.queue} ${dimensions.job_type}`;
    for (const name of values.keys()) key += ` ${name}`;
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      frame = this.#frameOf(dimensions, values);
      this.#frames.set(key, frame);
    }
    let text = frame[0] + Date.now() + frame[1];
    for (const [name, all] of values) text += `,"${name}":${all.length === 1 ? all[0] : `[${all.join(",")}]`}`;
    this.#write(`${text}}\n`);
  }

  /** As Powertools itself writes a document. */
  #frameOf(dimensions: Dimensions, values: Values): readonly [string, string] {
    addAll(this, dimensions, values);
    const { _aws, ...members } = this.serializeMetrics();
    this.clearMetrics();
    this.clearDimensions();
    const { Timestamp: _, ...about } = _aws;
    const rest = Object.fromEntries(Object.entries(members).filter(([name]) => !values.has(name)));
    return [`{"_aws":{"Timestamp":`, `,${JSON.stringify(about).slice(1)},${JSON.stringify(rest).slice(1, -1)}`];
  }
}
