import type { Client } from "@tendril/client/client";
import { errorCatalogue, kindOf, TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import { type Context, Hono } from "hono";
import { type RequestIdVariables, requestId } from "hono/request-id";
import type { BearerCheck } from "./bearer.ts";
import { problemMediaType, problemOf, serverProblem } from "./problem.ts";
import { readJsonBody } from "./read-body.ts";

/** What `createApi` takes. */
export interface ApiOptions {
  /** Job types that may be enqueued. */
  readonly jobs: readonly JobSpec[];
  readonly client: Client;
  /** Checks every request but `GET /health`. Default: none, for an API whose gateway lets only callers through that may. */
  readonly checkBearer?: BearerCheck | undefined;
  /** Writes one line; what it is given never holds a payload. */
  readonly log: LogLine;
  /** The same for requests that failed through no fault of the caller's. Default: `log`. */
  readonly logFailure?: LogLine;
}

/** Writes one line of a log. */
export type LogLine = (message: string, facts: Readonly<Record<string, unknown>>) => void;

type Env = { Variables: RequestIdVariables };

/** The API, Request to Response; see `createApi`. */
export type Api = Hono<Env>;

/**
 * The HTTP API:
 *
 * - `POST /job/post/JOB_TYPE` with `{"data": …}` enqueues a job: 202 and `{"job_id", "job_type", "queue"}`
 * - `GET /health`: 200 when the function answers; it asks nothing else
 *
 * With `checkBearer`, all but `GET /health` need a token, and are answered 401 without: also what is not there.
 *
 * A refused request is answered with problem details (RFC 9457) and nothing is enqueued. Every response has an
 * `x-request-id`: the request's own when it sent one of at most 255 letters, digits, `_`, `-` and `=`, else a new one.
 */
export function createApi({ jobs, client, checkBearer, log, logFailure = log }: ApiOptions): Api {
  const api: Api = new Hono();
  const specs = new Map(jobs.map((spec) => [spec.type, spec]));
  api.use(requestId());
  api.get("/health", (context) => context.json({ status: "ok", checked: "that this function answers, nothing else" }));
  api.use(async (context, next) => {
    checkBearer?.(context.req.header("authorization"));
    await next();
  });
  api.post("/job/post/:job_type", async (context) => {
    const spec = specOf(specs, context.req.param("job_type"));
    const input = inputOf(spec, await readJsonBody(context.req.raw));
    const queued = { job_id: await client.enqueue(spec, input), job_type: spec.type, queue: spec.queue };
    log("job enqueued", { ...queued, request_id: context.var.requestId });
    return context.json(queued, 202);
  });
  api.all("/job/post/:job_type", (context) => refuseMethod(context, "POST"));
  api.all("/health", (context) => refuseMethod(context, "GET, HEAD"));
  api.notFound((context) => answer(context, routeUnknown()));
  api.onError((thrown, context) => {
    const failure = failureFacts(thrown);
    if (failure !== undefined) logFailure("request failed", { request_id: context.var.requestId, ...failure });
    if (thrown instanceof TendrilError && thrown.code === "unauthorized") context.header("www-authenticate", "Bearer");
    return answer(context, thrown);
  });
  return api;
}

function specOf(specs: ReadonlyMap<string, JobSpec>, type: string): JobSpec {
  const spec = specs.get(type);
  if (spec !== undefined) return spec;
  throw new TendrilError("job_type_unknown", {
    where: "path",
    given: /^[A-Za-z][A-Za-z0-9_-]{0,79}$/.test(type) ? type : `${type.length} characters that name no job type`,
    allowed: [...specs.keys()].join(", ") || "none: the tier has no job types",
  });
}

/** The job's input, `data`; the body may name its job type too, as a message does, when it is the path's. */
function inputOf(spec: JobSpec, body: Record<string, unknown>): unknown {
  const { data, job_type: type, ...others } = body;
  const unknown = Object.keys(others);
  if (unknown.length > 0) {
    throw new TendrilError("input_invalid", {
      where: "body",
      given: `${wordKeys(unknown)} beside data`,
      allowed: "data, and nothing else",
      fix: 'Put the whole input under "data".',
    });
  }
  if ("job_type" in body && type !== spec.type) {
    throw new TendrilError("input_invalid", {
      where: "job_type",
      given: typeof type === "string" ? "another job type than the path's" : kindOf(type),
      allowed: `no job_type, or ${JSON.stringify(spec.type)} as in the path`,
    });
  }
  return data;
}

/** Names of up to five members, each cut at 40 characters. */
function wordKeys(keys: readonly string[]): string {
  const named = keys.slice(0, 5).map((key) => JSON.stringify(key.length > 40 ? `${key.slice(0, 39)}…` : key));
  return keys.length > 5 ? `${named.join(", ")} and ${keys.length - 5} more` : named.join(", ");
}

function refuseMethod(context: Context<Env>, allowed: string): Response {
  context.header("allow", allowed);
  return answer(
    context,
    new TendrilError("method_not_allowed", { where: "method", given: context.req.method, allowed }),
  );
}

function routeUnknown(): TendrilError {
  return new TendrilError("route_unknown", {
    where: "path",
    given: "another path",
    allowed: "POST /job/post/JOB_TYPE, GET /health",
  });
}

function answer(context: Context<Env>, thrown: unknown): Response {
  const problem = thrown instanceof TendrilError ? problemOf(thrown) : serverProblem("request_failed");
  return context.body(JSON.stringify(problem), problem.status, { "content-type": problemMediaType });
}

/** What to log of the server's own failures. The text of a foreign error may hold a payload: its name and place must do. */
function failureFacts(thrown: unknown): Record<string, unknown> | undefined {
  if (thrown instanceof TendrilError) {
    const { code, message } = thrown;
    return errorCatalogue[code].status < 500 ? undefined : { code, error: message };
  }
  if (!(thrown instanceof Error)) return { error: kindOf(thrown) };
  const frames = thrown.stack?.split("\n").filter((line) => /^ +at /.test(line)) ?? [];
  return { error: thrown.name, at: frames.slice(0, 5).map((line) => line.trim()) };
}
