import { TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import { type Context, Hono } from "hono";
import { type ApiEnv, allow } from "./access.ts";
import { budgetOf } from "./budget.ts";
import type { Enqueue, Enqueued, Refused } from "./enqueue.ts";
import { checkKey, type JobRequest, readJobRequest, readPostedJob, type Specs } from "./job-request.ts";
import { type Problem, problemOf } from "./problem.ts";
import { readJsonObject, readJsonObjectOrList } from "./read-body.ts";
import type { RequestLog } from "./request-log.ts";

/** The most jobs of one request. */
export const mostJobs = 1000;

/** What `enqueueRoutes` takes. */
export interface EnqueueRoutesOptions {
  readonly jobs: readonly JobSpec[];
  readonly enqueue: Enqueue;
  readonly log: RequestLog;
  /** The longest body of a request for one job, in bytes. */
  readonly longestJobBytes: number;
}

/** `POST /job/post/JOB_TYPE` and `POST /jobs`. */
export function enqueueRoutes({ jobs, enqueue, log, longestJobBytes }: EnqueueRoutesOptions): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  const specs: Specs = new Map(jobs.map((spec) => [spec.type, spec]));

  const during = (context: Context<ApiEnv>) => ({
    signal: budgetOf(context).signal,
    onUnnoted: (error: unknown) => log.tellTrouble(context, "keys not noted", error),
  });

  const enqueueOne = async (context: Context<ApiEnv>, request: JobRequest) => {
    const [answer] = await enqueue([request], during(context));
    if (answer?.kind !== "enqueued") throw answer?.error;
    const queued = wordJob(answer);
    log.tell(context, "job enqueued", queued);
    context.header("location", `/jobs/${answer.id}`);
    return queued;
  };

  const enqueueList = async (context: Context<ApiEnv>, list: readonly unknown[]) => {
    const requests = list.map((each) => readEach(specs, each));
    const outcomes = await enqueue(requests, during(context));
    const jobs = outcomes.map(wordEach);
    const failed = outcomes.filter((_, index) => (jobs[index]?.status ?? 0) >= 500);
    if (failed[0]?.kind === "refused") {
      log.tellTrouble(context, `${failed.length} of ${jobs.length} jobs not enqueued`, failed[0].error);
    }
    const accepted = jobs.filter(({ status }) => status === 202).length;
    const refused = jobs.length - accepted;
    log.tell(context, "jobs enqueued", { accepted, refused });
    return context.json({ accepted, refused, jobs }, refused === 0 ? 202 : 207);
  };

  routes.post("/job/post/:job_type", allow("enqueue"), async (context) => {
    const key = headerKey(context);
    const body = await readJsonObject(context.req.raw, longestJobBytes);
    return context.json(await enqueueOne(context, readPostedJob(specs, context.req.param("job_type"), body, key)), 202);
  });
  routes.post("/jobs", allow("enqueue"), async (context) => {
    const key = headerKey(context);
    const body = await readJsonObjectOrList(context.req.raw, longestJobBytes);
    if (isList(body)) return enqueueList(context, checkList(body, key));
    return context.json({ ...(await enqueueOne(context, readJobRequest(specs, body, key))), state: "queued" }, 202);
  });
  return routes;
}

const isList = (body: Record<string, unknown> | readonly unknown[]): body is readonly unknown[] => Array.isArray(body);

function headerKey(context: Context<ApiEnv>): string | undefined {
  const given = context.req.header("idempotency-key");
  return given === undefined ? undefined : checkKey(given, "idempotency-key");
}

function checkList(list: readonly unknown[], key: string | undefined): readonly unknown[] {
  if (list.length < 1 || list.length > mostJobs) {
    throw new TendrilError("input_invalid", {
      where: "body",
      given: `${list.length} jobs`,
      allowed: `1 to ${mostJobs}`,
    });
  }
  if (key === undefined) return list;
  throw new TendrilError("input_invalid", {
    where: "idempotency-key",
    given: "one key for a list of jobs",
    allowed: "a `key` in each job of the list",
  });
}

function readEach(specs: Specs, given: unknown): JobRequest | Refused {
  try {
    return readJobRequest(specs, given);
  } catch (error) {
    return { kind: "refused", error };
  }
}

const wordJob = ({ id, type, queue }: Enqueued & { readonly kind: "enqueued" }) => ({
  job_id: id,
  job_type: type,
  queue,
});

function wordEach(answer: Enqueued): { readonly status: number; readonly problem?: Problem; readonly job_id?: string } {
  if (answer.kind === "enqueued") return { status: 202, ...wordJob(answer) };
  const problem = problemOf(answer.error);
  return { status: problem.status, ...(answer.id === undefined ? {} : { job_id: answer.id }), problem };
}
