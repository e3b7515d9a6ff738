import { ListSchedulesCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { virtualClock } from "@tendril/local/clock";
import { openScheduler } from "@tendril/local/scheduler/service";
import { openSqs } from "@tendril/local/sqs/service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountId, clientConfig, region } from "./endpoint.ts";
import { inProcess } from "./in-process.ts";

const clock = virtualClock(Date.UTC(2026, 10, 20));
const url = "http://127.0.0.1";
const place = { clock, region, accountId };
const services = await Promise.all([
  openSqs({ ...place, baseUrl: () => url }),
  openScheduler({ ...place, send: () => Promise.resolve() }),
]);
const requestHandler = inProcess(
  services.map(({ service }) => service),
  () => clock.now(),
);
const sqs = new SQSClient({ ...clientConfig(url), requestHandler });
const scheduler = new SchedulerClient({ ...clientConfig(url), requestHandler });

let QueueUrl: string | undefined;

beforeAll(async () => {
  QueueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: "jobs" }))).QueueUrl;
});

afterAll(() => Promise.all(services.map((each) => each.close())));

test("an SDK client gets what it gets over a socket: answers, the service's errors, its time", async () => {
  const sent = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "größer".repeat(1000) }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(Messages).toMatchObject([{ MessageId: sent.MessageId, Body: "größer".repeat(1000) }]);
  expect(sent.$metadata).toMatchObject({ httpStatusCode: 200, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  await expect(sqs.send(new GetQueueUrlCommand({ QueueName: "none" }))).rejects.toBeInstanceOf(QueueDoesNotExist);
});

test("a query in the address is read", async () => {
  const { Schedules } = await scheduler.send(new ListSchedulesCommand({ GroupName: "default", MaxResults: 1 }));
  expect(Schedules).toEqual([]);
  const unknown = scheduler.send(new ListSchedulesCommand({ GroupName: "a&b" }));
  await expect(unknown).rejects.toMatchObject({ name: "ValidationException" });
});

test("a call that is aborted ends at once, and its receiver takes no message any more", async () => {
  const controller = new AbortController();
  const waiting = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 });
  const received = sqs.send(waiting, { abortSignal: controller.signal });
  setImmediate(() => controller.abort());
  await expect(received).rejects.toMatchObject({ name: "AbortError" });
  await expect(sqs.send(waiting, { abortSignal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "for another" }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(Messages).toMatchObject([{ Body: "for another" }]);
});
