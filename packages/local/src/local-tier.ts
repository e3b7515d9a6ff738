import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SQSClient } from "@aws-sdk/client-sqs";
import { corsRules } from "@tendril/core/api-plan";
import { TendrilError } from "@tendril/core/errors";
import {
  apiTokenLinkName,
  type ClaimsLink,
  claimsLinkName,
  databaseLinkName,
  type LaterLink,
  laterLinkName,
  mappingsLinkName,
  queueLinkName,
} from "@tendril/core/link";
import type { FunctionPlan, Plan } from "@tendril/core/plan";
import pLimit from "p-limit";
import { type AwsEndpoints, localAccountId, localRegion, startAwsEndpoints } from "./aws-endpoints.ts";
import type { Chaos } from "./chaos/chaos.ts";
import type { Clock } from "./clock.ts";
import {
  type DeployedQueue,
  deployClaims,
  deployLater,
  deployQueues,
  deploySchedules,
  physicalName,
} from "./deploy-plan.ts";
import { type HttpApiOptions, listenHttpApi } from "./http-api/http-api.ts";
import { mappingUuid } from "./lambda/control-plane.ts";
import { createEventSourceMapping, type EventSourceMapping } from "./lambda/event-source-mapping.ts";
import { createLambda, type Lambda, type LambdaOptions } from "./lambda/lambda.ts";
import { portInUse } from "./port-in-use.ts";

/** A batch whose worker timed out, crashed or failed. */
export interface LostBatch {
  readonly functionName: string;
  readonly reason: string;
  readonly messages: number;
  /** When they are visible again, in milliseconds from their receipt: the queue's visibility timeout. */
  readonly visibleAgainMs: number;
}

/** A tier that runs on this machine. */
export interface LocalTier {
  readonly apiUrl: string;
  /** The token that the API asks for, when its function checks tokens. IAM and JWTs are checked by AWS's gateway only. */
  readonly apiToken?: string;
  readonly aws: AwsEndpoints;
  readonly queues: readonly DeployedQueue[];
  /** Names of the migrations that this start applied. */
  readonly migrated: readonly string[];
  /** Resolves with the reason when the database has ended by itself: nothing works any more without it. */
  readonly broken: Promise<string>;
  /** When a schedule of the plan fires next, in milliseconds since 1970; undefined when never. */
  nextRun(scheduleName: string): number | undefined;
  /** The code has changed: the next invocation runs the new one, and queues that waited for it go on. */
  reload(): void;
  /** Brings the schedules to those of another plan. */
  reschedule(plan: Plan): Promise<void>;
  /** Stops in order: the API, the mappings (running jobs finish), the functions, the endpoints, the database. */
  stop(): Promise<void>;
}

export interface LocalTierOptions {
  readonly plan: Plan;
  readonly clock: Clock;
  /** The project's root: handlers are named by path from here. */
  readonly root: string;
  readonly stateDir: string;
  /** Ports on 127.0.0.1; 0 for any that is free. */
  readonly ports: { readonly api: number; readonly aws: number; readonly postgres: number };
  /** Environments that a worker function may have at once; the plan's maximum concurrency when that is less. */
  readonly environmentsAtOnce: number;
  /**
   * Whether a debugger can attach to the processes of the API's and the workers' functions: each says on its first log
   * line where, and none is killed at its timeout. Default: false.
   */
  readonly inspect?: boolean;
  /** What goes wrong with the tier, as soon as it runs: its start is spared. Default: nothing. */
  readonly chaos?: Chaos | undefined;
  /** Called before each step that may take a second, with what it does. */
  readonly onProgress: (step: string) => void;
  readonly onLog: LambdaOptions["onLog"];
  readonly onInitError: LambdaOptions["onInitError"];
  /** Called when a worker ended without an answer: its messages are delivered again. */
  readonly onLostBatch: (batch: LostBatch) => void;
  /** Called when code has changed, before anything is loaded again. */
  readonly onReload: () => void;
  /** Called when a queue is paused or resumed, and at the start for each that was left paused. Default: nobody is told. */
  readonly onPause?: (change: { readonly queue: string; readonly paused: boolean }) => void;
  /** Called for each message that a queue has taken. */
  readonly onSent: Parameters<AwsEndpoints["sqs"]["onSent"]>[0];
}

/**
 * Runs a plan on this machine: makes its queues, applies the migrations, makes its schedules, starts its functions.
 * Errors: `port_in_use`, `postgres_unavailable`, `migration_invalid`; what was started is stopped again.
 */
export async function startLocalTier(options: LocalTierOptions): Promise<LocalTier> {
  const { plan, clock, root, chaos } = options;
  chaos?.pause();
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    options.onProgress("starting PostgreSQL and the AWS endpoints");
    const aws = await startAwsEndpoints({
      clock,
      stateDir: options.stateDir,
      port: options.ports.aws,
      postgresPort: options.ports.postgres,
      chaos,
    });
    stops.push(() => aws.close());
    aws.sqs.onSent(options.onSent);
    const sqs = new SQSClient(aws.clientConfig);
    const scheduler = new SchedulerClient(aws.clientConfig);
    const queues = await deployQueues(plan, sqs);
    const claims = await deployClaims(plan, aws.s3);
    const later = await deployLater(plan, { sqs, scheduler });
    const created = await createLambda({
      clock,
      root,
      region: localRegion,
      accountId: localAccountId,
      onLog: options.onLog,
      onInitError: options.onInitError,
    });
    stops.push(() => created.close());
    const lambda = chaos?.strike(created) ?? created;
    defineFunctions(
      plan,
      lambda,
      { ...environment(plan, aws, queues, later, claims), ...tokenVariables(plan) },
      options.inspect ?? false,
    );
    options.onProgress("loading the functions, applying the migrations");
    const [migrated] = await Promise.all([migrate(plan, lambda), warmUp(plan, lambda)]);
    const mappings = plan.queues.map((queue) => mapQueue(queue, { aws, lambda, options }));
    stops.push(async () => void (await Promise.all(mappings.map((mapping) => mapping.stop()))));
    await deploySchedules(plan, queues, later, scheduler);
    const api = await listenHttpApi({
      clock,
      port: options.ports.api,
      lambda: queued(lambda, requestsAtOnce),
      functionName: plan.api.name,
      accountId: localAccountId,
      ...corsOf(plan),
    }).catch(portInUse(options.ports.api, "--port"));
    stops.push(() => api.close());
    chaos?.resume();
    return {
      apiUrl: api.url,
      ...(asksForToken(plan) ? { apiToken: localToken } : {}),
      aws,
      queues,
      migrated,
      broken: brokenBy(aws.postgres),
      nextRun: (name) => aws.scheduler.nextRun(plan.name, name),
      reload() {
        options.onReload();
        lambda.reload();
        for (const mapping of mappings) mapping.resume();
      },
      reschedule: (next) => deploySchedules(next, queues, later, scheduler),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function corsOf({ apiAccess: { origins } }: Plan): Pick<HttpApiOptions, "cors"> {
  if (origins.length === 0) return {};
  const { methods, headers, exposedHeaders, maxAgeSeconds } = corsRules;
  const allowed = { allowOrigins: origins, allowMethods: methods, allowHeaders: headers };
  return { cors: { ...allowed, exposeHeaders: exposedHeaders, maxAgeSeconds } };
}

/** Requests that the API's function answers at once; more wait their turn, so that a burst does not start a process each. */
const requestsAtOnce = 8;

function queued(lambda: Lambda, atOnce: number): Pick<Lambda, "invoke"> {
  const limit = pLimit(atOnce);
  return { invoke: (name, payload, options) => limit(() => lambda.invoke(name, payload, options)) };
}

function brokenBy(postgres: AwsEndpoints["postgres"]): Promise<string> {
  return new Promise((resolve) => {
    void postgres.exited.then((end) => end.kind === "died" && resolve(`PostgreSQL has ended: ${end.reason}`));
  });
}

/** Makes a queue's mapping and starts it, unless it was left paused. */
function mapQueue(
  queue: Plan["queues"][number],
  { aws, lambda, options }: { aws: AwsEndpoints; lambda: Lambda; options: LocalTierOptions },
): Pick<EventSourceMapping, "resume" | "stop"> {
  const { batchSize, windowSeconds } = queue.mapping;
  const maximumConcurrency = Math.min(queue.mapping.maximumConcurrency, options.environmentsAtOnce);
  const source = aws.sqs.source(physicalName(queue));
  const functionName = queue.worker.name;
  const mapping = createEventSourceMapping({
    clock: options.clock,
    source,
    lambda,
    functionName,
    batchSize,
    windowMs: windowSeconds * 1000,
    maximumConcurrency,
    visibilityTimeoutMs: queue.visibilityTimeoutSeconds * 1000,
    region: localRegion,
    onBatch(event) {
      options.chaos?.onBatch(queue.worker.name, event);
      if (event.kind !== "finished" || !("errorMessage" in event.invocation)) return;
      if (event.invocation.kind === "init-failed") return; // `onInitError` says it, once
      options.onLostBatch({
        functionName: queue.worker.name,
        reason: event.invocation.errorMessage,
        messages: event.messageIds.length,
        visibleAgainMs: queue.visibilityTimeoutSeconds * 1000,
      });
    },
  });
  const config = { eventSourceArn: source.queueArn, functionName, batchSize, windowSeconds, maximumConcurrency };
  const told = ({ paused }: { paused: boolean }): void => options.onPause?.({ queue: queue.name, paused });
  const attached = aws.lambda.attach(config, mapping, told);
  if (attached.paused) told(attached);
  return { resume: () => mapping.resume(), stop: attached.stop };
}

/** The mappings' UUIDs as their link has them. */
function mappingUuids(plan: Plan, queues: readonly DeployedQueue[]): Record<string, string> {
  const entries = plan.queues.map(({ name, worker }) => {
    const arn = queues.find((queue) => queue.name === name)?.arn ?? "";
    return [queueLinkName(name), mappingUuid(arn, worker.name)] as const;
  });
  return Object.fromEntries(entries);
}

function defineFunctions(plan: Plan, lambda: Lambda, shared: Record<string, string>, inspect: boolean): void {
  const functions: FunctionPlan[] = [plan.api, plan.migrate, ...plan.queues.map((queue) => queue.worker)];
  for (const each of functions) {
    lambda.define({
      name: each.name,
      handler: each.handler,
      timeoutMs: each.timeoutSeconds * 1000,
      memoryMb: each.memoryMb,
      environment: { ...shared, ...each.environment, POWERTOOLS_SERVICE_NAME: plan.name },
      inspect: inspect && each !== plan.migrate,
    });
  }
}

/** What SST gives a deployed function, and the addresses at which its SDK clients find this AWS. */
function environment(
  plan: Plan,
  aws: AwsEndpoints,
  queues: readonly DeployedQueue[],
  later: LaterLink,
  claims: ClaimsLink | undefined,
): Record<string, string> {
  const resource = (name: string, value: object): [string, string] => [`SST_RESOURCE_${name}`, JSON.stringify(value)];
  return {
    AWS_ENDPOINT_URL_SQS: aws.url,
    AWS_ENDPOINT_URL_S3: aws.url,
    AWS_ENDPOINT_URL_RDS_DATA: aws.url,
    AWS_ENDPOINT_URL_SCHEDULER: aws.url,
    AWS_ENDPOINT_URL_LAMBDA: aws.url,
    ...Object.fromEntries([
      resource("App", { name: plan.name, stage: "local" }),
      resource(databaseLinkName, {
        type: "sst.aws.Aurora",
        clusterArn: `arn:aws:rds:${localRegion}:${localAccountId}:cluster:tendril`,
        secretArn: `arn:aws:secretsmanager:${localRegion}:${localAccountId}:secret:tendril`,
        database: "tendril",
      }),
      ...queues.map(({ name, url, arn, deadLetterUrl }) =>
        resource(queueLinkName(name), { type: "sst.aws.Queue", url, arn, deadLetterUrl }),
      ),
      resource(laterLinkName, { type: "sst.sst.Linkable", ...later }),
      ...(claims === undefined ? [] : [resource(claimsLinkName, { type: "sst.sst.Linkable", ...claims })]),
      resource(mappingsLinkName, { type: "sst.sst.Linkable", ...mappingUuids(plan, queues) }),
    ]),
  };
}

/** Whoever can reach 127.0.0.1 may know it: it makes callers send one, as they must on AWS. */
const localToken = "token-of-this-machine";

const asksForToken = ({ apiAccess }: Plan): boolean => apiAccess.auth.kind === "token";

function tokenVariables(plan: Plan): Record<string, string> {
  if (!asksForToken(plan)) return {};
  return { [`SST_RESOURCE_${apiTokenLinkName}`]: JSON.stringify({ type: "sst.sst.Secret", value: localToken }) };
}

/** One environment of each function that answers users, so that the first request and the first job do not wait. */
async function warmUp(plan: Plan, lambda: Lambda): Promise<void> {
  await Promise.all([plan.api, ...plan.queues.map((queue) => queue.worker)].map((each) => lambda.warm(each.name)));
}

async function migrate(plan: Plan, lambda: Lambda): Promise<readonly string[]> {
  const result = await lambda.invoke(plan.migrate.name, "{}");
  if (result.kind === "succeeded") return readApplied(result.payload);
  const text = "errorMessage" in result ? result.errorMessage : `a function that ended as ${result.kind}`;
  const [, where, given] = /\(([^)]*)\): given (.*), allowed /s.exec(text) ?? [];
  throw new TendrilError("migration_invalid", {
    ...(where === undefined ? {} : { where }),
    given: given ?? text,
    allowed: "migrations that apply",
    fix: "Correct the newest migration and start again; nothing of a migration that fails is kept.",
  });
}

function readApplied(payload: string): readonly string[] {
  const { applied } = JSON.parse(payload) as { applied?: unknown };
  return Array.isArray(applied) ? applied.map((each: { file?: unknown }) => String(each.file)) : [];
}
