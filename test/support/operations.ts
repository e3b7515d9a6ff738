/** A tier's queues and schedules behind the API's routes: SQS and Lambda's control plane over the wire, on a clock. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type ApiEnv, allScopes } from "@tendril/api/access";
import { operationsRoutes } from "@tendril/api/operations";
import { lazyPlan } from "@tendril/api/operations-plan";
import { problemOf } from "@tendril/api/problem";
import { createMappings } from "@tendril/client/operations/mappings";
import { createOperations, type Operations, type OperationsOptions } from "@tendril/client/operations/operations";
import type { ApiScope } from "@tendril/core/api-plan";
import { defineJob } from "@tendril/core/job";
import { type JobId, newJobId } from "@tendril/core/job-id";
import { readMessage } from "@tendril/core/message";
import type { Plan } from "@tendril/core/plan";
import { defineTier } from "@tendril/core/tier";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import { type DeployedQueue, deployQueues } from "@tendril/local/deploy-plan";
import { type LambdaControlPlane, mappingUuid, openLambdaControlPlane } from "@tendril/local/lambda/control-plane";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";
import { Hono } from "hono";
import { z } from "zod";

const Mail = defineJob({ type: "Mail", input: z.string() });
const Report = defineJob({ type: "Report", input: z.string() });
const Bill = defineJob({ type: "Bill", input: z.string(), queue: "bills" });

/** Two queues, one of them FIFO, and two schedules. */
export const tier = defineTier({
  name: "ops",
  queues: { jobs: {}, bills: { fifo: true } },
  jobs: [Mail, Report, Bill],
  cron: "cron.yaml",
});

const cronYaml = `version: 1
cron:
  - name: nightly report
    url: /job/post/Report
    schedule: "0 3 * * *"
    data: all
    timezone: Europe/Berlin
    description: What was sold
  - name: billing
    url: /job/post/Bill
    schedule: "0 9 13 * 5"
    enabled: false
`;

const place = { region: "us-east-1", accountId: "000000000000" };
const nowMs = Date.parse("2026-11-20T10:00:00.500Z");

/** What the tests of operations work with. */
export type OperationsRoom = Awaited<ReturnType<typeof openOperationsRoom>>;

/** Opens it all; `close` closes it. */
export async function openOperationsRoom() {
  const dir = await mkdtemp(join(tmpdir(), "tendril-operations-"));
  await writeFile(join(dir, "cron.yaml"), cronYaml);
  const clock = virtualClock(nowMs);
  let url = "";
  const localSqs = await openSqs({ ...place, clock, baseUrl: () => url });
  const plane = await openLambdaControlPlane({ ...place, clock });
  const server = await listen([localSqs.service, plane.service], { port: 0 });
  url = server.url;
  const config = { endpoint: url, region: place.region, credentials: { accessKeyId: "a", secretAccessKey: "b" } };
  const sqs = new SQSClient(config);
  const lambda = new LambdaClient(config);
  const plan = await lazyPlan(tier, dir)();
  const deployed = await deployQueues(plan, sqs);
  const switched: string[] = [];
  const mappings = attachMappings(plan, deployed, plane, switched);
  const makeOperations = (options: Partial<OperationsOptions> = {}): Operations =>
    createOperations({
      sqs,
      queues: Object.fromEntries(deployed.map((queue) => [queue.name, queue])),
      plan: lazyPlan(tier, dir),
      mappings: createMappings({ mappings, lambda: () => lambda }),
      now: () => clock.now(),
      ...options,
    });
  const operations = makeOperations();
  const passing = <Result>(going: Promise<Result>): Promise<Result> => whileTimePasses(clock, going);
  return {
    ...{ clock, sqs, lambda, plane, deployed, operations, makeOperations, passing },
    /** A folder with the tier's cron.yaml. */
    dir,
    /** A client of its own for SQS. */
    openSqsClient: () => new SQSClient(config),
    /** What every mapping was told. */
    switched,
    queueOf: (name: string) => queueOf(deployed, name),
    ask: (...request: AskArguments) => passing(askApi(operations, ...request)),
    letter: (type: string, options: LetterOptions = {}) => sendLetter(sqs, deployed, type, options),
    drain: (queueUrl: string) => drain(sqs, queueUrl),
    async close() {
      sqs.destroy();
      lambda.destroy();
      await server.close();
      await plane.close();
      await localSqs.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Mappings that only write down what they are told; their UUIDs by queue. */
function attachMappings(
  plan: Plan,
  deployed: readonly DeployedQueue[],
  plane: LambdaControlPlane,
  switched: string[],
): Record<string, string> {
  const entries = plan.queues.map(({ name, worker, mapping }) => {
    const eventSourceArn = queueOf(deployed, name).arn;
    const tell = (what: string) => async () => void switched.push(`${what} ${name}`);
    const controlled = { start: tell("start"), pause: tell("pause"), stop: tell("stop"), resume() {} };
    plane.attach({ ...mapping, eventSourceArn, functionName: worker.name }, controlled);
    return [name, mappingUuid(eventSourceArn, worker.name)] as const;
  });
  switched.length = 0;
  return Object.fromEntries(entries);
}

/** Lets the queues have time while something waits for messages that do not come. */
export async function whileTimePasses<Result>(clock: VirtualClock, going: Promise<Result>): Promise<Result> {
  let isOver = false;
  const over = going.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await clock.advance(250);
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 5))]).catch(() => {});
  }
  return over;
}

function queueOf(deployed: readonly DeployedQueue[], name: string): DeployedQueue {
  const found = deployed.find((queue) => queue.name === name);
  if (found !== undefined) return found;
  throw new Error(`no queue ${name}`);
}

type AskArguments = [method: string, path: string, body?: unknown, scopes?: ReadonlySet<ApiScope>];

/** Asks the API, by default as somebody who may do everything; `told` is what it has logged. */
async function askApi(operations: Operations, ...[method, path, body, scopes = allScopes]: AskArguments) {
  const told: [string, object][] = [];
  const log = { tell: (_: unknown, message: string, facts: object) => void told.push([message, facts]) };
  const api = new Hono<ApiEnv>();
  api.use(async (context, next) => {
    context.set("requestId", "r");
    context.set("caller", { name: "token 1", scopes });
    await next();
  });
  api.route("/", operationsRoutes({ operations: async () => operations, log }));
  api.onError((error, context) => context.json({ ...problemOf(error) }, problemOf(error).status));
  const headers = { "content-type": "application/json" };
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers };
  const response = await api.request(path, { method, ...content });
  return { status: response.status, body: JSON.parse(await response.text()), told };
}

/** A new job id. */
export const newId = () => newJobId(Date.now(), crypto.getRandomValues(new Uint8Array(16)));

const text = (value: string) => ({ DataType: "String", StringValue: value });

interface LetterOptions {
  readonly queue?: string;
  readonly what?: string;
  readonly id?: JobId;
  readonly group?: string;
}

/** A dead letter as a worker leaves it. */
async function sendLetter(
  sqs: SQSClient,
  deployed: readonly DeployedQueue[],
  type: string,
  { queue = "jobs", what = "Error: no", id = newId(), group = "g" }: LetterOptions,
) {
  const reason = { what, when: "2026-11-20T09:59:00.000Z", attempt: 5, queue };
  const { MessageId } = await sqs.send(
    new SendMessageCommand({
      QueueUrl: queueOf(deployed, queue).deadLetterUrl,
      MessageBody: JSON.stringify({ job_type: type, data: "secret" }),
      MessageAttributes: { "tendril.job_id": text(id), "tendril.error": text(JSON.stringify(reason)) },
      ...(queue === "bills" ? { MessageGroupId: group, MessageDeduplicationId: newId() } : {}),
    }),
  );
  return { id, messageId: MessageId };
}

/** Takes what a queue has, and gives the ids and inputs of its jobs. */
async function drain(sqs: SQSClient, QueueUrl: string) {
  const jobs = [];
  for (;;) {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    });
    const { Messages = [] } = await sqs.send(command);
    if (Messages.length === 0) return jobs;
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    for (const { MessageId: messageId = "", Body: body = "", MessageAttributes = {} } of Messages) {
      const entries = Object.entries(MessageAttributes).map(([name, { StringValue = "" }]) => [name, StringValue]);
      const reading = readMessage({ messageId, body, attributes: Object.fromEntries(entries) });
      if (reading.kind !== "job") throw new Error("a message that cannot be read");
      jobs.push(reading.job);
    }
  }
}
