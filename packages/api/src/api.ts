import type { Claims } from "@tendril/client/claims";
import type { Operations } from "@tendril/client/operations/operations";
import type { Sender } from "@tendril/client/sender";
import { machineSleep, type Sleep } from "@tendril/client/sleep";
import type { ApiAuth } from "@tendril/core/api-plan";
import { TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import type { JobStore } from "@tendril/core/job-record";
import type { QueueLink } from "@tendril/core/link";
import { longestMessageBytes } from "@tendril/core/message";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { requestId } from "hono/request-id";
import { type Access, type ApiEnv, checkScope } from "./access.ts";
import { createDoor } from "./door.ts";
import { createEnqueue } from "./enqueue.ts";
import { enqueueRoutes } from "./enqueue-routes.ts";
import { healthRoutes } from "./health.ts";
import { createJobLookup } from "./job-lookup.ts";
import { jobRoutes } from "./job-routes.ts";
import { operationsRoutes } from "./operations.ts";
import { probesOf } from "./probes.ts";
import { problemMediaType, problemOf, retryAfterSeconds } from "./problem.ts";
import { longestListBytes } from "./read-body.ts";
import { referenceRoutes } from "./reference-routes.ts";
import { createRequestLog, type LogLine } from "./request-log.ts";

/** What `createApi` takes. What is opened is opened when it is first needed: enqueueing without keys needs none of it. */
export interface ApiOptions {
  /** The tier's name. */
  readonly name: string;
  /** Job types that may be enqueued. */
  readonly jobs: readonly JobSpec[];
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  readonly sender: Pick<Sender, "send">;
  /** Where inputs go that are too large for a message; a request has at most 6 MB. Default: they are refused. */
  readonly claims?: Claims | undefined;
  /** What the ledger tells. Default: none; then whatever needs it is answered 503 `database_away`. */
  readonly store?: (() => Promise<JobStore>) | undefined;
  /** Works on queues, dead letters and schedules. Default: none; then there are no such routes. */
  readonly operations?: (() => Promise<Operations>) | undefined;
  /** Says who sends a request. Default: everybody may do everything, for an API whose gateway lets only callers through that may. */
  readonly access?: Access;
  /** How callers show who they are, for the reference. Default `"iam"`. */
  readonly auth?: ApiAuth["kind"];
  /** Who may read `/openapi.json` and `/docs`: `"read"`, callers with that scope, or `"open"`, everybody. Default `"read"`. */
  readonly docs?: "open" | "read";
  /** Requests of one caller a second, and at once; more are answered with 429. Default: any number. */
  readonly throttle?: { readonly rate: number; readonly burst: number };
  /** How long the ledger remembers a job, in milliseconds. Default: 30 days. */
  readonly retentionMs?: number;
  /** Writes one line for each request, and never a payload or a token. */
  readonly log: LogLine;
  /** The same for what failed through no fault of the caller's. Default: `log`. */
  readonly logFailure?: LogLine;
  /** Milliseconds since 1970. Default: the machine's time. */
  readonly now?: () => number;
  /** Waits between two looks at a job. Default: the machine's own timers. */
  readonly sleep?: Sleep;
}

/** The API, Request to Response; see `createApi`. */
export type Api = Hono<ApiEnv>;

/**
 * The HTTP API: `GET /docs` is its reference, and `GET /openapi.json` the same for programs.
 *
 * A refused request is answered with problem details (RFC 9457) and changes nothing. Every response has an
 * `x-request-id`, which is in the log: the request's own when it sent one of at most 255 letters, digits, `_`, `-` and
 * `=`, else a new one. All but `GET /health` asks who the caller is, also what is not there.
 */
export function createApi(options: ApiOptions): Api {
  const { name, jobs, queues, store, operations, sender, claims, now = Date.now, docs = "read" } = options;
  const log = createRequestLog(options.log, options.logFailure ?? options.log);
  const door = createDoor({ ...options, now });
  const enqueue = createEnqueue({ queues, sender, claims, store, now });
  const lookup = createJobLookup({ jobs, queues, store, retentionMs: options.retentionMs ?? thirtyDaysMs, now });
  const reference = (admit: (context: Context<ApiEnv>) => void) =>
    referenceRoutes({
      name,
      jobs,
      queues,
      auth: options.auth ?? "iam",
      docs,
      largeInputs: claims !== undefined,
      admit,
    });

  const api: Api = new Hono();
  api.onError((thrown, context) => {
    log.tellRefusal(context, thrown);
    return answer(context, thrown);
  });
  api.use(requestId(), log.logRequests, secureHeaders);
  api.route("/", healthRoutes(probesOf(options), door));
  if (docs === "open") api.route("/", reference(door.admit));
  api.use(async (context, next) => {
    door.identify(context);
    await next();
  });
  if (docs === "read")
    api.route(
      "/",
      reference(({ var: { caller } }) => checkScope(caller, "read")),
    );
  api.route("/", enqueueRoutes({ jobs, enqueue, log, longestJobBytes: longestJobBytes(claims) }));
  api.route("/", jobRoutes({ lookup, operations, log, now, sleep: options.sleep ?? machineSleep }));
  if (operations !== undefined) api.route("/", operationsRoutes({ operations, log }));
  for (const [path, methods] of Object.entries(methodsOf)) {
    api.all(path, ({ req }) => {
      throw new TendrilError("method_not_allowed", { where: "method", given: req.method, allowed: methods });
    });
  }
  api.all("*", () => {
    throw new TendrilError("route_unknown", {
      where: "path",
      given: "another path",
      allowed: "those of GET /openapi.json",
    });
  });
  return api;
}

const longestJobBytes = (claims: Claims | undefined): number =>
  claims === undefined ? longestMessageBytes : longestListBytes;

const thirtyDaysMs = 2_592_000_000;

/** What is answered to any other method, in the header `allow`. */
const methodsOf: Readonly<Record<string, string>> = {
  "/health": "GET, HEAD",
  "/openapi.json": "GET, HEAD",
  "/docs": "GET, HEAD",
  "/job/post/:job_type": "POST",
  "/jobs": "GET, HEAD, POST",
  "/jobs/:id": "GET, HEAD, DELETE",
  "/jobs/:id/retry": "POST",
  "/queues": "GET, HEAD",
  "/queues/:name": "GET, HEAD",
  "/queues/:name/dead-letters": "GET, HEAD",
  "/queues/:name/dead-letters/redrive": "POST",
  "/queues/:name/dead-letters/drop": "POST",
  "/queues/:name/pause": "POST",
  "/queues/:name/resume": "POST",
  "/schedules": "GET, HEAD",
  "/schedules/:name{[^]+}/run": "POST",
};

/** Nothing is guessed of what an answer is, and none is kept: it says how things stand now. */
const secureHeaders: MiddlewareHandler<ApiEnv> = async (context, next) => {
  context.header("x-content-type-options", "nosniff");
  context.header("cache-control", "no-store");
  await next();
};

function answer(context: Context<ApiEnv>, thrown: unknown): Response {
  const problem = problemOf(thrown);
  const headers: Record<string, string> = { "content-type": problemMediaType };
  const seconds = retryAfterSeconds(thrown);
  if (seconds !== undefined) headers["retry-after"] = String(seconds);
  if (problem.code === "unauthorized") headers["www-authenticate"] = "Bearer";
  if (problem.code === "method_not_allowed" && problem.allowed !== undefined) headers.allow = problem.allowed;
  return context.body(JSON.stringify(problem), problem.status, headers);
}
