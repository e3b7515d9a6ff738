/** The API behind the local HTTP API, with the queues, schedules and ledger of a tier, and eyes on all of them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LambdaClient } from "@aws-sdk/client-lambda";
import {
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from "@aws-sdk/client-scheduler";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { tokenAccess } from "@tendril/api/bearer";
import { lambdaHandler } from "@tendril/api/lambda-handler";
import { openApiDocument } from "@tendril/api/openapi/document";
import type { OpenApiDocument } from "@tendril/api/openapi/document-model";
import { lazyPlan } from "@tendril/api/operations-plan";
import { createMappings } from "@tendril/client/operations/mappings";
import { createOperations } from "@tendril/client/operations/operations";
import { createSender } from "@tendril/client/sender";
import type { ApiScope } from "@tendril/core/api-plan";
import type { JobSpec } from "@tendril/core/job";
import { attributeNames } from "@tendril/core/message";
import { defineTier } from "@tendril/core/tier";
import { createJobStore } from "@tendril/ledger/job-store";
import { systemClock, virtualClock } from "@tendril/local/clock";
import { deployQueues } from "@tendril/local/deploy-plan";
import { listenHttpApi } from "@tendril/local/http-api/http-api";
import { mappingUuid, openLambdaControlPlane } from "@tendril/local/lambda/control-plane";
import { openScheduler } from "@tendril/local/scheduler/service";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";
import { migrateLedger, startLocalDatabase } from "../local-aws.ts";
import { exactJobs, looseJobs, richQueues } from "./rich-tier.ts";

/** How much there is of everything that a request may change. */
export interface Counts {
  /** Messages of all queues, and one-time schedules that will become some. */
  readonly jobs: number;
  readonly deadLetters: number;
  /** Rows of the ledger that show the same for the same rows. */
  readonly ledger: string;
  readonly keys: number;
}

/** The API, running. */
export interface RunningApi {
  readonly url: string;
  readonly document: OpenApiDocument;
  /** Job ids of which the ledger or a dead letter knows something, in every state. */
  readonly jobIds: readonly [string, ...string[]];
  readonly scheduleNames: readonly [string, ...string[]];
  counts(): Promise<Counts>;
  /** Lets the queues and schedules have time, much of it at once, until something is answered. */
  passing<Answer>(going: Promise<Answer>): Promise<Answer>;
  /** Makes the ledger as it was at the beginning, takes away one-time schedules, and adds dead letters. */
  reset(): Promise<void>;
  /** What the API logged of failures that are not the caller's. */
  failures(): readonly string[];
  close(): Promise<void>;
}

/** Tokens of the API, by what they allow. */
export const tokens: Readonly<Record<ApiScope | "all", string>> = {
  all: "a-token-that-may-do-everything",
  enqueue: "a-token-that-may-enqueue",
  read: "a-token-that-may-read",
  operate: "a-token-that-may-operate",
};

/** All that have an input that some JSON fits, and a schema without a fault. */
const jobs: readonly JobSpec[] = [...exactJobs, ...looseJobs].filter(({ type }) => type !== "ThrowingJob");

const scheduleNames = ["every day", "ordered/äöü"] as const;

const cronYaml = `version: 1
cron:
  - { name: "${scheduleNames[0]}", url: /job/post/AnythingJob, schedule: "0 3 * * *" }
  - { name: "${scheduleNames[1]}", url: /job/post/MaybeJob, schedule: "0 9 13 * 5", enabled: false }
`;

const place = { region: "us-east-1", accountId: "000000000000" };
const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const states = ["done", "retry", "dead", "skipped", "cancelled"] as const;

/** Starts it, on free ports and in temporary folders. */
export async function startApi(): Promise<RunningApi> {
  const dir = await mkdtemp(join(tmpdir(), "tendril-api-fuzz-"));
  await writeFile(join(dir, "cron.yaml"), cronYaml);
  const tier = defineTier({
    name: "fuzz",
    queues: Object.fromEntries(richQueues.map(({ name, fifo }) => [name, { fifo }])),
    jobs,
    cron: "cron.yaml",
  });
  const aws = await startServices();
  const plan = lazyPlan(tier, dir);
  const { queues: planned } = await plan();
  const queues = Object.fromEntries((await deployQueues(await plan(), aws.sqs)).map((queue) => [queue.name, queue]));
  const mappings = planned.map(({ name, worker, mapping }) => {
    const eventSourceArn = queues[name]?.arn ?? "";
    const nothing = { start: async () => {}, pause: async () => {}, stop: async () => {}, resume() {} };
    aws.plane.attach({ ...mapping, eventSourceArn, functionName: worker.name }, nothing);
    return [name, mappingUuid(eventSourceArn, worker.name)] as const;
  });
  const database = await startLocalDatabase();
  const ledger = await database.freshDatabase();
  await migrateLedger(ledger.database);
  const failures: string[] = [];
  const { sqs, scheduler, later, lambda, now } = aws;
  const api = createApi({
    name: tier.name,
    jobs,
    queues,
    sender: createSender({ sqs, queues, later, scheduler: async () => scheduler, now }),
    now,
    store: async () => createJobStore(ledger.database),
    operations: async () =>
      createOperations({
        sqs,
        queues,
        plan,
        now,
        mappings: createMappings({ mappings: Object.fromEntries(mappings), lambda: () => lambda }),
      }),
    access: tokenAccess(
      Object.entries(tokens)
        .map(([scope, token]) => (scope === "all" ? token : `${scope}:${token}`))
        .join(" "),
    ),
    auth: "token",
    log: () => {},
    logFailure: (message, facts) => void failures.push(`${message} ${JSON.stringify(facts)}`),
  });
  const handler = lambdaHandler(api);
  const http = await listenHttpApi({
    clock: systemClock(),
    port: 0,
    functionName: "api",
    accountId: place.accountId,
    lambda: {
      async invoke(_name, payload) {
        const answer = await handler(JSON.parse(payload));
        return { kind: "succeeded", payload: JSON.stringify(answer), requestId: "", durationMs: 0 };
      },
    },
  });
  const eyes = eyesOn({
    sqs,
    scheduler,
    group: later.groupName,
    urls: Object.values(queues),
    query: (sql) => ledger.database.execute(sql, [], { repeatable: false }),
  });
  await eyes.reset();
  return {
    url: http.url,
    document: openApiDocument({ name: tier.name, jobs, queues: richQueues, auth: "token" }),
    jobIds: [idOf(0), ...Array.from({ length: 11 }, (_, index) => idOf(index + 1))],
    scheduleNames,
    ...eyes,
    passing: aws.passing,
    failures: () => failures,
    async close() {
      await http.close();
      await aws.close();
      await database.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function startServices() {
  const clock = virtualClock(Date.now());
  let url = "";
  const localSqs = await openSqs({ ...place, clock, baseUrl: () => url });
  const schedules = await openScheduler({
    ...place,
    clock,
    send: async (message) => void (await sqs.send(new SendMessageCommand(message))),
  });
  const plane = await openLambdaControlPlane({ ...place, clock });
  const server = await listen([localSqs.service, schedules.service, plane.service], {
    port: 0,
    now: () => clock.now(),
  });
  url = server.url;
  const config = { endpoint: url, region: place.region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  const sqs = new SQSClient(config);
  const scheduler = new SchedulerClient(config);
  const lambda = new LambdaClient(config);
  const later = {
    groupName: "later",
    roleArn: "arn:aws:iam::000000000000:role/later",
    deadLetterArn: "arn:aws:sqs:us-east-1:000000000000:failures",
  };
  await scheduler.send(new CreateScheduleGroupCommand({ Name: later.groupName }));
  return {
    sqs,
    scheduler,
    lambda,
    later,
    plane,
    now: () => clock.now(),
    async passing<Answer>(going: Promise<Answer>): Promise<Answer> {
      let isOver = false;
      const over = going.finally(() => {
        isOver = true;
      });
      for (;;) {
        await Promise.race([over, sleep(5)]);
        if (isOver) return over;
        await clock.advance(100);
      }
    },
    async close() {
      for (const client of [sqs, scheduler, lambda]) client.destroy();
      await server.close();
      await plane.close();
      await schedules.close();
      await localSqs.close();
    },
  };
}

interface Seen {
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
  readonly group: string;
  readonly urls: readonly { readonly name: string; readonly url: string; readonly deadLetterUrl: string }[];
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
}

function eyesOn({ sqs, scheduler, group, urls, query }: Seen): Pick<RunningApi, "counts" | "reset"> {
  const listSchedules = async (): Promise<string[]> => {
    const names: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await scheduler.send(
        new ListSchedulesCommand({ GroupName: group, MaxResults: 100, ...(NextToken && { NextToken }) }),
      );
      names.push(...(page.Schedules ?? []).map(({ Name = "" }) => Name));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return names;
  };
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  return {
    async counts() {
      const [waiting, dead, scheduled, [rows = {}]] = await Promise.all([
        Promise.all(urls.map(({ url }) => countOf(sqs, url))),
        Promise.all(urls.map(({ deadLetterUrl }) => countOf(sqs, deadLetterUrl))),
        listSchedules(),
        query(ledgerSql),
      ]);
      return {
        jobs: sum(waiting) + scheduled.length,
        deadLetters: sum(dead),
        ledger: String(rows.ledger),
        keys: Number(rows.keys),
      };
    },
    async reset() {
      await query("truncate tendril.jobs, tendril.failed_attempts, tendril.starts, tendril.outbox, tendril.keys");
      for (const Name of await listSchedules())
        await scheduler.send(new DeleteScheduleCommand({ GroupName: group, Name }));
      await query(seedSql);
      for (const [index, state] of states.entries()) if (state === "dead") await seedDead(sqs, urls, idOf(index));
      await seedDead(sqs, urls, idOf(10));
    },
  };
}

const ledgerSql = `select
  (select count(*) from tendril.keys) as keys,
  coalesce((select md5(string_agg(md5(j::text), '' order by id)) from tendril.jobs j), '')
    || (select count(*) from tendril.failed_attempts) || ' ' || (select count(*) from tendril.starts)
    || ' ' || (select count(*) from tendril.outbox) as ledger`;

const seedSql = `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at, failed_at, last_error)
  values ${states
    .map((state, index) => {
      const failed = state === "dead" || state === "retry" ? "now(), 'Error: of the job''s own'" : "null, null";
      return `('${idOf(index)}', 'TextJob', 'jobs', '${state}', 1, now(), now() - interval '${index} minutes', ${failed})`;
    })
    .join(", ")}`;

async function countOf(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  const names = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
  ] as const;
  return names.reduce((total, name) => total + Number(Attributes[name] ?? 0), 0);
}

/** A dead letter as a worker leaves it, in the queue of the seeded jobs. */
async function seedDead(sqs: SQSClient, urls: Seen["urls"], jobId: string): Promise<void> {
  const error = JSON.stringify({ error: "Error: of the job's own", attempt: 5, at: "2026-11-20T10:00:00.000Z" });
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: urls.find(({ name }) => name === "jobs")?.deadLetterUrl,
      MessageBody: JSON.stringify({ job_type: "TextJob", data: "of the dead" }),
      MessageAttributes: {
        [attributeNames.jobId]: { DataType: "String", StringValue: jobId },
        [attributeNames.error]: { DataType: "String", StringValue: error },
      },
    }),
  );
}
