import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Claims } from "@tendril/client/claims";
import { type Duration, parseDuration } from "@tendril/core/duration";
import type { LaterLink } from "@tendril/core/link";
import type { Plan } from "@tendril/core/plan";
import { type Clock, type VirtualClock, virtualClock } from "@tendril/local/clock";
import {
  type DeployedQueue,
  deployClaims,
  deployLater,
  deployQueues,
  deploySchedules,
} from "@tendril/local/deploy-plan";
import { openDataApi } from "@tendril/local/rds-data/service";
import { openS3, type S3 } from "@tendril/local/s3/service";
import { openScheduler, type Scheduler } from "@tendril/local/scheduler/service";
import { openSqs, type Sqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";
import type { Service } from "@tendril/local/wire/service";
import { accountId, type ClientConfig, clientConfig, region } from "./endpoint.ts";
import { type InProcessHandler, inProcess } from "./in-process.ts";
import { openLargeInputs } from "./large-inputs.ts";

/** The tier's time. It stands still until it is moved, and is SQS's, Scheduler's and the worker's; the database has its own. */
export interface TestClock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Moves time forward. What SQS hides becomes visible and schedules fire on the way; jobs do not run by this: `drain`.
   * Error: `duration_invalid`.
   */
  advance(duration: Duration): Promise<void>;
  /** The same, up to a time; nothing happens when it is past. */
  advanceTo(time: Date): Promise<void>;
}

/** SQS and EventBridge Scheduler in memory and the Data API, in this process, on one port of 127.0.0.1. */
export interface TestAws {
  readonly clock: TestClock;
  /** Settings for SDK clients of it. */
  readonly config: ClientConfig;
  /** The same for the kit's own clients: they spare the socket. */
  readonly ownConfig: OwnClientConfig;
  readonly sqsClient: SQSClient;
  readonly schedulerClient: SchedulerClient;
  readonly queues: readonly DeployedQueue[];
  readonly later: LaterLink;
  /** Where large inputs lie; undefined when the tier refuses them. */
  readonly claims: Claims | undefined;
  /** Those of now: they are others after `reset`. */
  sqs(): Sqs;
  scheduler(): Scheduler;
  /** Empties it: no messages, no schedules but the plan's, and the time of the machine. Addresses stay. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Settings for SDK clients whose requests stay in this process. */
export type OwnClientConfig = ClientConfig & { readonly requestHandler: InProcessHandler };

/** What `openTestAws` takes. */
export interface TestAwsOptions {
  readonly plan: Plan;
  readonly databaseUrl: string;
  /** Where the clock begins, in milliseconds since 1970; after a reset too. Default: the machine's time. */
  readonly startMs: number | undefined;
}

/** All that has a state, and is made anew by a reset. */
interface World {
  readonly clock: VirtualClock;
  readonly sqs: Sqs;
  readonly s3: S3;
  readonly scheduler: Scheduler;
}

/** Opens the AWS of a test tier, with its plan deployed. */
export async function openTestAws({ plan, databaseUrl, startMs }: TestAwsOptions): Promise<TestAws> {
  let url = "";
  let world = await openWorld(() => url, startMs);
  const clock: Clock = { now: () => world.clock.now(), at: (timeMs, run) => world.clock.at(timeMs, run) };
  const dataApi = openDataApi({ clock, databaseUrl, maxConnections: connectionsFor(plan) });
  const current = (find: () => Service): Service => ({ match: (request) => find().match(request) });
  const services = [
    current(() => world.s3.service),
    current(() => world.sqs.service),
    dataApi.service,
    current(() => world.scheduler.service),
  ];
  const server = await listen(services, { port: 0, now: () => clock.now() });
  url = server.url;
  const config = clientConfig(url);
  const ownConfig = { ...config, requestHandler: inProcess(services, () => clock.now()) };
  const clients = { sqs: new SQSClient(ownConfig), scheduler: new SchedulerClient(ownConfig) };
  const deploy = async () => {
    const claims = await deployClaims(plan, world.s3);
    const queues = await deployQueues(plan, clients.sqs);
    const later = await deployLater(plan, clients);
    await deploySchedules(plan, queues, later, clients.scheduler);
    return { queues, later, claims };
  };
  const { claims, ...deployed } = await deploy();
  const largeInputs = openLargeInputs(claims, config);
  const closeWorld = async ({ scheduler, sqs }: World): Promise<void> => {
    await scheduler.close();
    await sqs.close();
  };
  return {
    ...deployed,
    claims: largeInputs.claims,
    clock: testClock(() => world.clock),
    config,
    ownConfig,
    sqsClient: clients.sqs,
    schedulerClient: clients.scheduler,
    sqs: () => world.sqs,
    scheduler: () => world.scheduler,
    async reset() {
      dataApi.dropTransactions();
      await closeWorld(world);
      world = await openWorld(() => url, startMs);
      await deploy();
    },
    async close() {
      await closeWorld(world);
      await server.close();
      await dataApi.close();
      largeInputs.close();
      clients.sqs.destroy();
      clients.scheduler.destroy();
    },
  };
}

/** Jobs at once have one connection each, and some of their calls are beside their transactions. */
function connectionsFor({ queues }: Plan): number {
  return 5 + Math.max(...queues.map(({ worker }) => Number(worker.environment.TENDRIL_JOBS_AT_ONCE)));
}

/** The machine's time in whole seconds: what is an hour away is that to the millisecond, as schedules know no fractions. */
const wholeSecond = (): number => Math.floor(Date.now() / 1000) * 1000;

async function openWorld(url: () => string, startMs = wholeSecond()): Promise<World> {
  const sending = new Set<Promise<unknown>>();
  const sent = async (): Promise<void> => {
    do await new Promise((resolve) => setImmediate(resolve));
    while (await settled(sending));
  };
  const clock = virtualClock(startMs, sent);
  const place = { clock, region, accountId };
  const sqs = await openSqs({ ...place, baseUrl: url });
  const client = new SQSClient({
    ...clientConfig("http://127.0.0.1"),
    requestHandler: inProcess([sqs.service], clock.now),
  });
  const scheduler = await openScheduler({
    ...place,
    async send(message) {
      const call = client.send(new SendMessageCommand(message)).finally(() => sending.delete(call));
      sending.add(call);
      await call;
    },
  });
  const close = async (): Promise<void> => {
    await scheduler.close();
    client.destroy();
  };
  return { clock, sqs, s3: openS3({ clock }), scheduler: { ...scheduler, close } };
}

/** Waits for calls that are under way; false when there were none. */
async function settled(calls: ReadonlySet<Promise<unknown>>): Promise<boolean> {
  if (calls.size === 0) return false;
  await Promise.allSettled(calls);
  return true;
}

function testClock(clock: () => VirtualClock): TestClock {
  return {
    now: () => clock().now(),
    advance: (duration) => clock().advance(parseDuration(duration, "advance")),
    advanceTo: (time) => clock().advance(Math.max(0, time.getTime() - clock().now())),
  };
}
