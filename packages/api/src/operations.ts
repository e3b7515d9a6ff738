import { wordReason } from "@tendril/client/operations/dead-letter";
import type { DeadChoice, ListedLetter } from "@tendril/client/operations/dead-operations";
import type { Operations, QueueState } from "@tendril/client/operations/operations";
import type { ScheduleState } from "@tendril/client/operations/schedules";
import { Hono } from "hono";
import { type ApiEnv, allow } from "./access.ts";
import { readLimit, readQuery } from "./job-query.ts";
import { readDropChoice, readRedriveChoice } from "./operations-choice.ts";
import { readJsonObject } from "./read-body.ts";
import type { RequestLog } from "./request-log.ts";

/** What `operationsRoutes` takes. */
export interface OperationsRoutesOptions {
  /** Opened by the first request that needs them. */
  readonly operations: () => Promise<Operations>;
  readonly log: Pick<RequestLog, "tell">;
}

/**
 * `/queues` and `/schedules` with all that is below them. Mount them behind the middleware that sets the caller and the
 * request's id, and in front of the API's own `notFound` and `onError`: `api.route("/", operationsRoutes({ operations, log }))`.
 *
 * `operations` are made once, when they are first needed: `createOperations` of the client, with `createMappings` of what
 * `readMappingsLink` says and `lazyPlan(tier)` of operations-plan.ts.
 */
export function operationsRoutes({ operations, log }: OperationsRoutesOptions): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();

  routes.get("/queues", allow("read"), async (context) => {
    readQuery(context.req.url, []);
    return context.json({ queues: (await (await operations()).queues()).map(viewQueue) });
  });

  routes.get("/queues/:name", allow("read"), async (context) => {
    readQuery(context.req.url, []);
    return context.json(viewQueue(await (await operations()).queue(context.req.param("name"))));
  });

  routes.get("/queues/:name/dead-letters", allow("read"), async (context) => {
    const limit = readLimit(readQuery(context.req.url, ["limit"]).limit);
    const { letters, total } = await (await operations()).deadLetters(context.req.param("name"), limit);
    return context.json({ dead_letters: letters.map(viewLetter), total });
  });

  routes.post("/queues/:name/dead-letters/redrive", allow("operate"), async (context) => {
    const name = context.req.param("name");
    const choice = readRedriveChoice(await readJsonObject(context.req.raw));
    const { done: redriven, failed, left } = await (await operations()).redrive(name, choice);
    log.tell(context, "dead letters redriven", {
      queue: name,
      ...viewChoice(choice),
      redriven,
      failed: failed.length,
    });
    return context.json({ redriven, failed: failed.map(viewFailure), left });
  });

  routes.post("/queues/:name/dead-letters/drop", allow("operate"), async (context) => {
    const name = context.req.param("name");
    const choice = readDropChoice(await readJsonObject(context.req.raw));
    const { done: dropped, failed, left } = await (await operations()).drop(name, choice);
    log.tell(context, "dead letters dropped", { queue: name, ...viewChoice(choice), dropped, failed: failed.length });
    return context.json({ dropped, failed: failed.map(viewFailure), left });
  });

  for (const [what, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    routes.post(`/queues/:name/${what}`, allow("operate"), async (context) => {
      const name = context.req.param("name");
      await (await operations())[what](name);
      log.tell(context, `queue ${what}d`, { queue: name });
      return context.json({ name, paused });
    });
  }

  routes.get("/schedules", allow("read"), async (context) => {
    readQuery(context.req.url, []);
    return context.json({ schedules: (await (await operations()).schedules()).map(viewSchedule) });
  });

  // API Gateway decodes the path: a slash of the name is one of the path. `[^]` is any character, also a line break.
  routes.post("/schedules/:name{[^]+}/run", allow("operate"), async (context) => {
    const name = context.req.param("name");
    const { jobId: job_id, jobType: job_type, queue } = await (await operations()).runSchedule(name);
    log.tell(context, "schedule run", { schedule: name, job_id, job_type, queue });
    return context.json({ job_id, job_type, queue }, 202);
  });

  return routes;
}

const viewQueue = ({ name, fifo, waiting, delayed, inFlight, deadLetters, paused }: QueueState) => ({
  name,
  fifo,
  waiting,
  delayed,
  in_flight: inFlight,
  dead_letters: deadLetters,
  paused: paused ?? null,
});

function viewLetter({ messageId, jobId, type, reason, atMs, sentAtMs, receives, group }: ListedLetter) {
  const told = reason.kind === "told" ? reason : undefined;
  return {
    message_id: messageId,
    job_id: jobId,
    ...(type === undefined ? {} : { job_type: type }),
    error: wordReason(reason),
    ...(told?.attempt === undefined ? {} : { attempt: told.attempt }),
    ...(told === undefined ? {} : { died_at: isoTime(atMs) }),
    sent_at: isoTime(sentAtMs),
    receives,
    ...(group === undefined ? {} : { group }),
  };
}

const viewFailure = ({ jobId, why }: { jobId: string; why: string }) => ({ job_id: jobId, why });

/** For the log: ids by their number. */
const viewChoice = ({ jobIds, jobType, limit }: DeadChoice) => ({
  ...(jobIds === undefined ? {} : { job_ids: jobIds.length }),
  ...(jobType === undefined ? {} : { job_type: jobType }),
  ...(limit === undefined ? {} : { limit }),
});

const viewSchedule = (schedule: ScheduleState) => ({
  name: schedule.name,
  job_type: schedule.jobType,
  queue: schedule.queue,
  expression: schedule.expression,
  timezone: schedule.timezone,
  enabled: schedule.enabled,
  built_in: schedule.builtIn,
  ...(schedule.description === undefined ? {} : { description: schedule.description }),
  next_runs: schedule.nextRunsMs.map(isoTime),
});

const isoTime = (ms: number): string => new Date(ms).toISOString();
