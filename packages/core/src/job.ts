/**
 * The words. They mean the same in code, SQL, logs, the API and the docs.
 *
 * - job: one unit of work: id, type, input
 * - job type: its name, e.g. `IncrementJob`; `job_type` on the wire
 * - message: the SQS message that carries a job
 * - delivery: one receipt of a message by a worker; SQS may deliver a message more than once
 * - attempt: one run of a job's handler, counted from 1
 * - outcome: how an attempt ended: done, retry, dead, duplicate, skipped
 * - settle: to turn outcomes into what SQS is told: delete, change visibility, dead-letter
 * - queue: a named lane, standard or FIFO, with its dead-letter queue
 * - schedule: an entry of cron.yaml
 * - ledger: the Postgres tables that say what happened to each job
 * - tier: all of it; plan: the tier worked out, every number that AWS will be given
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Duration, parseDuration } from "./duration.ts";
import { kindOf, TendrilError } from "./errors.ts";

/**
 * What a job type promises. `exactly-once`: its handler's writes to the database take effect once. `at-least-once`: no
 * ledger and no Data API call; its handler has no transaction, and may run again after it has succeeded.
 */
export type Effects = "exactly-once" | "at-least-once";

/**
 * How the effects of an exactly-once job are committed. `alone`: in a transaction of its own, which the handler reads and
 * writes in (`job.sql`, `job.rdsData`). `grouped`: the handler only collects what it writes (`job.write`), and the jobs of
 * a batch are committed together, each as if alone, in one Data API call.
 */
export type Commit = "alone" | "grouped";

/** What a job type is, apart from how it runs: producers and stacks may import it, only workers link its handler. */
export interface JobSpec<
  Schema extends StandardSchemaV1 = StandardSchemaV1,
  Promised extends Effects = Effects,
  Committed extends Commit = Commit,
> {
  /** The job type's name, `job_type` on the wire. */
  readonly type: string;
  /** The url by which a schedule of cron.yaml may name it, beside `/job/post/TYPE`. */
  readonly path?: string;
  /** Any Standard Schema (zod, valibot, arktype …): what stands under `data` in the message. */
  readonly input: Schema;
  /** The queue that carries its messages. */
  readonly queue: string;
  /** How long one attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly effects: Promised;
  readonly commit: Committed;
}

/** How often, and after which delays, a job that failed is tried again. */
export interface RetryPolicy {
  /** All attempts together, the first included; at least 1. */
  readonly attempts: number;
  /** The shortest delay before another attempt, in milliseconds. */
  readonly fromMs: number;
  /** The longest delay, in milliseconds; SQS holds a message back for at most 12 hours. */
  readonly toMs: number;
}

/** What `defineJob` takes. */
export interface JobOptions<
  Schema extends StandardSchemaV1,
  Promised extends Effects = Effects,
  Committed extends Commit = Commit,
> {
  /** 1 to 80 letters, digits, `_` and `-`, beginning with a letter. Unique in the tier. */
  readonly type: string;
  /** A url of cron.yaml that leads to it, e.g. the path that a Beanstalk worker served: `"/backup"`. Unique in the tier. Default none. */
  readonly path?: `/${string}`;
  /** Any Standard Schema: checked when the job is enqueued, and again before it runs. */
  readonly input: Schema;
  /** The name of a queue of the tier. Default `"jobs"`. */
  readonly queue?: string;
  /** How long one attempt may take: 1 second to 14 minutes 50 seconds (Lambda's 15 minutes less 10 s to settle). Default `"30 seconds"`. */
  readonly timeout?: Duration;
  readonly retry?: {
    /** All attempts together, the first included: 1 to 100. Default 5. */
    readonly attempts?: number;
    /** Full-jitter exponential backoff: `from` default `"2 seconds"`, `to` default `"15 minutes"`, at most `"12 hours"`. */
    readonly backoff?: { readonly from?: Duration; readonly to?: Duration };
  };
  /** Default `"exactly-once"`. `"at-least-once"` costs no Data API call; its attempts are counted by SQS's receipts, of which it has twice as many. */
  readonly effects?: Promised;
  /**
   * Default `"alone"`. `"grouped"` is for handlers that only write: ten jobs then cost one Data API call instead of forty.
   * Its first delivery runs the handler before the job is claimed: a job that was done or cancelled before takes no effect
   * again, but its handler may have run. Later deliveries, and those of FIFO queues, are committed alone.
   */
  readonly commit?: Committed;
}

/** Defaults of `defineJob`. */
export const jobDefaults = {
  queue: "jobs",
  timeout: "30 seconds",
  attempts: 5,
  from: "2 seconds",
  to: "15 minutes",
  effects: "exactly-once",
  commit: "alone",
} as const;

const typePattern = /^[A-Za-z][A-Za-z0-9_-]{0,79}$/;

/**
 * Says what a job type is. Errors: `job_spec_invalid` for its name, and for a grouped commit of at-least-once effects,
 * `duration_invalid` for a duration; ranges are checked by `planTier`.
 */
export function defineJob<
  const Schema extends StandardSchemaV1,
  const Promised extends Effects = "exactly-once",
  const Committed extends Commit = "alone",
>(options: JobOptions<Schema, Promised, Committed>): JobSpec<Schema, Promised, Committed> {
  const { type, input, retry } = options;
  if (!typePattern.test(type)) {
    throw new TendrilError("job_spec_invalid", {
      where: "type",
      given: JSON.stringify(type),
      allowed: "1 to 80 letters, digits, _ and -, beginning with a letter",
    });
  }
  if (options.effects === "at-least-once" && options.commit === "grouped") {
    throw new TendrilError("job_spec_invalid", {
      where: `${type}.commit`,
      given: '"grouped" with the effects "at-least-once"',
      allowed: '"grouped" with the effects "exactly-once"',
      fix: "Leave `commit` out: without the ledger there is nothing to commit.",
    });
  }
  return {
    type,
    ...(options.path === undefined ? {} : { path: options.path }),
    input,
    queue: options.queue ?? jobDefaults.queue,
    timeoutMs: parseDuration(options.timeout ?? jobDefaults.timeout, `${type}.timeout`),
    retry: {
      attempts: retry?.attempts ?? jobDefaults.attempts,
      fromMs: parseDuration(retry?.backoff?.from ?? jobDefaults.from, `${type}.retry.backoff.from`),
      toMs: parseDuration(retry?.backoff?.to ?? jobDefaults.to, `${type}.retry.backoff.to`),
    },
    effects: options.effects ?? (jobDefaults.effects as Promised),
    commit: options.commit ?? (jobDefaults.commit as Committed),
  };
}

/** What callers may pass as a job type's input. */
export type InputOf<Spec extends JobSpec> = StandardSchemaV1.InferInput<Spec["input"]>;

/** What a job type's handler is given: the input after its schema. */
export type ParsedInputOf<Spec extends JobSpec> = StandardSchemaV1.InferOutput<Spec["input"]>;

/** Checks an input against its job type. Error: `input_invalid`, naming the first fields that do not fit. */
export async function parseInput<Spec extends JobSpec>(spec: Spec, input: unknown): Promise<ParsedInputOf<Spec>> {
  return checkInput(spec, input);
}

/** As `parseInput`, but at once when the schema is one that answers at once, as most are. Throws, or rejects. */
export function checkInput<Spec extends JobSpec>(
  spec: Spec,
  input: unknown,
): ParsedInputOf<Spec> | Promise<ParsedInputOf<Spec>> {
  const result = spec.input["~standard"].validate(input);
  // Not every promise is one of this realm's.
  if (!("then" in result)) return outputOf<Spec>(result, input);
  return Promise.resolve(result).then((late) => outputOf<Spec>(late, input));
}

function outputOf<Spec extends JobSpec>(result: StandardSchemaV1.Result<unknown>, input: unknown): ParsedInputOf<Spec> {
  if (result.issues === undefined) return result.value as ParsedInputOf<Spec>;
  const issues = result.issues.slice(0, 5).map(wordIssue);
  throw new TendrilError("input_invalid", {
    where: issues.map((issue) => issue.where).join(", "),
    given: result.issues
      .slice(0, 5)
      .map((issue) => kindOf(valueAt(input, issue)))
      .join(", "),
    allowed: issues.map((issue) => `${issue.where}: ${issue.message}`).join("; "),
  });
}

/** What stands at an issue's path; its kind may be told, itself never. */
function valueAt(input: unknown, issue: StandardSchemaV1.Issue): unknown {
  let value = input;
  for (const part of issue.path ?? []) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, typeof part === "object" ? part.key : part);
  }
  return value;
}

function wordIssue(issue: StandardSchemaV1.Issue): { where: string; message: string } {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return { where: ["data", ...path].join("."), message: issue.message };
}
