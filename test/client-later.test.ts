/** Jobs that wait longer than SQS can delay them: the client, the local SQS and EventBridge Scheduler, on one clock. */
import { DeleteScheduleCommand, GetScheduleCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import type { Message } from "@aws-sdk/client-sqs";
import { type Client, type ClientOptions, createClient } from "@tendril/client/client";
import { createSender } from "@tendril/client/sender";
import { TendrilError } from "@tendril/core/errors";
import { defineJob } from "@tendril/core/job";
import { newJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import type { OutgoingMessage } from "@tendril/core/message";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const Mail = defineJob({ type: "Mail", input, queue: "mail" });
const Ordered = defineJob({ type: "Ordered", input, queue: "ordered" });
const hour = 3_600_000;

let aws: TestSqs;
let queues: Record<"mail" | "ordered", QueueLink>;
let queueNumber = 0;

beforeAll(async () => {
  aws = await openTestSqs();
});
afterAll(() => aws.close());
beforeEach(async () => {
  queueNumber += 1;
  queues = {
    mail: await aws.createQueue(`mail-${queueNumber}`),
    ordered: await aws.createQueue(`ordered-${queueNumber}.fifo`, { FifoQueue: "true" }),
  };
});

function clientWith(options: Partial<ClientOptions> = {}): Client {
  const { sqs, later, clock } = aws;
  return createClient({ sqs, queues, later, scheduler: async () => aws.scheduler, now: () => clock.now(), ...options });
}

const schedule = (name: string) =>
  aws.scheduler.send(new GetScheduleCommand({ GroupName: aws.later.groupName, Name: name }));

async function scheduleNames(): Promise<(string | undefined)[]> {
  const { Schedules = [] } = await aws.scheduler.send(new ListSchedulesCommand({ GroupName: aws.later.groupName }));
  return Schedules.map(({ Name }) => Name);
}

/** What arrives, as soon as it does: a schedule that has fired sends over the wire. */
async function arrival(queue: QueueLink): Promise<Message[]> {
  let messages: Message[] = [];
  await expect.poll(async () => (messages = await aws.receive(queue))).not.toEqual([]);
  return messages;
}

async function refusal(work: Promise<unknown>): Promise<TendrilError> {
  const thrown: unknown = await work.catch((error: unknown) => error);
  if (thrown instanceof TendrilError) return thrown;
  throw new Error("it was not refused", { cause: thrown });
}

describe("a delay of more than 15 minutes", () => {
  test("becomes a schedule that sends the job at its time and is gone", async () => {
    const id = await clientWith().enqueue(Mail, { to: "a" }, { delay: "2 hours" });
    expect(await scheduleNames()).toEqual([id]);
    await aws.clock.advance(2 * hour - 1_000);
    expect(await aws.count(queues.mail)).toBe(0);
    await aws.clock.advance(2_000);
    expect((await arrival(queues.mail)).map(jobOf)).toEqual([{ id, type: "Mail", input: { to: "a" } }]);
    await expect.poll(scheduleNames).toEqual([]);
  });

  test("whose time has passed by AWS's clock is sent at once: this machine's clock is behind", async () => {
    const id = await clientWith({ now: () => aws.clock.now() - hour }).enqueue(Mail, "a", { delay: "20 minutes" });
    expect((await arrival(queues.mail)).map(jobOf)).toEqual([{ id, type: "Mail", input: "a" }]);
    await aws.scheduler.send(new DeleteScheduleCommand({ GroupName: aws.later.groupName, Name: id }));
  });

  test("of exactly 15 minutes is SQS's own", async () => {
    await clientWith().enqueue(Mail, "a", { delay: "15 minutes" });
    expect(await scheduleNames()).toEqual([]);
    await aws.clock.advance(15 * 60_000);
    expect(await aws.receive(queues.mail)).toHaveLength(1);
  });

  test("waits until the first whole second that is not before it, in UTC, and leaves AWS every try to send it", async () => {
    const at = new Date(Math.floor(aws.clock.now() / 1000) * 1000 + 30 * 60_000 + 1);
    const id = await clientWith().enqueue(Mail, "a", { at });
    expect(await schedule(id)).toMatchObject({
      ScheduleExpression: `at(${new Date(at.getTime() + 999).toISOString().slice(0, 19)})`,
      ScheduleExpressionTimezone: "UTC",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      State: "ENABLED",
      Target: {
        Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        RoleArn: aws.later.roleArn,
        DeadLetterConfig: { Arn: aws.later.deadLetterArn },
        RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 },
      },
    });
    await aws.clock.advance(hour);
    await arrival(queues.mail);
  });

  test("may be a year, and no more than 366 days", async () => {
    const client = clientWith();
    const id = await client.enqueue(Mail, "a", { delay: "366 days" });
    const { ScheduleExpression } = await schedule(id);
    expect(ScheduleExpression?.slice(3, 7)).toBe(String(new Date(aws.clock.now() + 366 * 24 * hour).getUTCFullYear()));
    const error = await refusal(client.enqueue(Mail, "a", { delay: "367 days" }));
    expect(error.code).toBe("duration_invalid");
    expect(error.facts).toMatchObject({ where: "delay", given: "367 days" });
    const tooLate = new Date(aws.clock.now() + 366 * 24 * hour + 1);
    expect((await refusal(client.enqueue(Mail, "a", { at: tooLate }))).facts.where).toBe("at");
  });

  test("carries what looks like Scheduler's own words unchanged", async () => {
    const odd = {
      text: 'at <aws.scheduler.scheduled-time>, "<aws.scheduler.attempt-number>" \\<aws.scheduler.x> \uffff',
    };
    await clientWith().enqueue(Mail, odd, { delay: "1 hour", group: "customer-7" });
    await aws.clock.advance(hour + 1_000);
    const [message] = await arrival(queues.mail);
    expect(jobOf(message).input).toEqual(odd);
    expect(message?.Attributes?.MessageGroupId).toBe("customer-7");
  });

  test("of a job that is too large for a schedule is refused before it is sent", async () => {
    const error = await refusal(clientWith().enqueue(Mail, "x".repeat(262_144), { delay: "1 hour" }));
    expect(error.code).toBe("body_too_large");
    expect(error.facts.allowed).toContain("262144 bytes");
    await clientWith().enqueue(Mail, "x".repeat(261_000), { delay: "1 hour" });
    await clientWith().enqueue(Mail, "x".repeat(262_144), { delay: "1 minute" });
    expect(await aws.count(queues.mail)).toBe(1);
  });

  test("of a job that is waiting already leaves that one as it is", async () => {
    const first = await clientWith().enqueue(Mail, "first", { delay: "1 hour", key: "same" });
    const before = await schedule(first);
    expect(await clientWith().enqueue(Mail, "second", { delay: "3 hours", key: "same" })).toBe(first);
    expect(await schedule(first)).toMatchObject({
      ScheduleExpression: before.ScheduleExpression,
      Target: before.Target,
    });
  });

  test("without a link for it is refused, and says which is missing", async () => {
    const client = createClient({ sqs: aws.sqs, queues });
    const error = await refusal(client.enqueue(Mail, "a", { delay: "1 hour" }));
    expect(error.code).toBe("link_missing");
    expect(error.message).toContain("Resource.Later");
  });

  test("says so when Scheduler refuses", async () => {
    const client = clientWith({ later: { ...aws.later, groupName: "elsewhere" } });
    const error = await refusal(client.enqueue(Mail, "secret", { delay: "1 hour" }));
    expect(error.code).toBe("aws_call_failed");
    expect(error.facts).toMatchObject({ where: "scheduler:CreateSchedule", given: "ResourceNotFoundException" });
    expect(error.message).not.toContain("secret");
  });
});

describe("on a FIFO queue", () => {
  test("every delay is a schedule, and the job keeps its group and its deduplication id", async () => {
    const id = await clientWith().enqueue(Ordered, "a", { delay: "90 seconds" });
    expect(await scheduleNames()).toContain(id);
    await aws.clock.advance(91_000);
    const [message] = await arrival(queues.ordered);
    expect(jobOf(message)).toMatchObject({ id, input: "a" });
    expect(message?.Attributes).toMatchObject({ MessageGroupId: "Ordered", MessageDeduplicationId: id });
  });

  test("a delay that is over before AWS could have the schedule is ten seconds", async () => {
    const id = await clientWith().enqueue(Ordered, "a", { delay: "1 second" });
    const { ScheduleExpression = "" } = await schedule(id);
    const atMs = Date.parse(`${/at\((.*)\)/.exec(ScheduleExpression)?.[1]}Z`);
    expect(atMs - aws.clock.now()).toBeGreaterThanOrEqual(10_000);
    await aws.clock.advance(12_000);
    await arrival(queues.ordered);
  });

  test("no delay is none", async () => {
    await clientWith().enqueue(Ordered, "a", { delay: "0 seconds" });
    expect(await aws.receive(queues.ordered)).toHaveLength(1);
  });
});

describe("many at once", () => {
  test("are scheduled all, and answered in their order", async () => {
    const inputs = Array.from({ length: 25 }, (_, index) => index);
    const results = await clientWith().enqueueAll(Mail, inputs, { delay: "1 hour" });
    expect(results.map(({ kind }) => kind)).toEqual(inputs.map(() => "enqueued"));
    const names = await scheduleNames();
    for (const { id } of results) expect(names).toContain(id);
    await aws.clock.advance(hour + 1_000);
    await expect.poll(() => aws.count(queues.mail)).toBe(25);
    const jobs = (await aws.receive(queues.mail)).map(jobOf);
    expect(new Map(jobs.map((job) => [job.id, job.input]))).toEqual(
      new Map(results.map((result, index) => [result.id, index])),
    );
  });

  test("load Scheduler's client once, and jobs that need no schedule never do", async () => {
    let loads = 0;
    const client = clientWith({
      scheduler: async () => {
        loads += 1;
        return aws.scheduler;
      },
    });
    await client.enqueue(Mail, "now");
    expect(loads).toBe(0);
    await client.enqueueAll(Mail, ["a", "b"], { delay: "1 hour" });
    await client.enqueue(Mail, "c", { delay: "1 hour" });
    expect(loads).toBe(1);
  });
});

describe("the sender", () => {
  let count = 0;
  const outgoing = (queue: string, more = {}): OutgoingMessage => {
    count += 1;
    const id = newJobId(count, new Uint8Array(16).fill(count % 256));
    const type = queue === "ordered" ? "Ordered" : "Mail";
    return {
      id,
      queue,
      body: JSON.stringify({ job_type: type, data: count }),
      attributes: { "tendril.job_id": id },
      ...more,
    };
  };
  const senderWith = (more = {}) =>
    createSender({
      sqs: aws.sqs,
      queues,
      later: aws.later,
      scheduler: async () => aws.scheduler,
      now: () => aws.clock.now(),
      ...more,
    });

  test("sends a mixed lot to its queues and to Scheduler, and says of each message that was not taken why", async () => {
    const soon = outgoing("mail");
    const nowhere = outgoing("nowhere");
    const waiting = outgoing("mail", { notBeforeMs: aws.clock.now() + hour });
    const late = outgoing("ordered", { notBeforeMs: aws.clock.now() - hour });
    const errors = await senderWith().send([soon, nowhere, waiting, late]);
    expect([...errors].map(([message, error]) => [message, error.code])).toEqual([[nowhere, "queue_unknown"]]);
    expect((await aws.receive(queues.mail)).map((message) => jobOf(message).id)).toEqual([soon.id]);
    expect((await aws.receive(queues.ordered)).map((message) => jobOf(message).id)).toEqual([late.id]);
    expect(await scheduleNames()).toContain(waiting.id);
  });

  test("gives a message of a FIFO queue without a group its job type's", async () => {
    await senderWith().send([outgoing("ordered")]);
    const [message] = await aws.receive(queues.ordered);
    expect(message?.Attributes?.MessageGroupId).toBe("Ordered");
  });

  test("sends no later batch of a group whose message was not taken, and those of other groups all the same", async () => {
    const small = await aws.createQueue(`small-${queueNumber}.fifo`, { FifoQueue: "true", MaximumMessageSize: "1024" });
    const inA = Array.from({ length: 10 }, () => outgoing("ordered", { group: "a" }));
    const bad = { ...outgoing("ordered", { group: "a" }), body: "x".repeat(2_000) };
    const lot = [...inA.slice(0, 9), bad, ...inA.slice(9), outgoing("ordered", { group: "b" })];
    const errors = await senderWith({ queues: { ordered: small } }).send(lot);
    expect([...errors].map(([message]) => lot.indexOf(message))).toEqual([9, 10]);
    expect(errors.get(lot[10] ?? bad)?.facts.given).toContain("of its group");
    expect((await aws.receive(small)).map((message) => jobOf(message).id)).toEqual(
      [...inA.slice(0, 9), ...lot.slice(11)].map(({ id }) => id),
    );
  });

  test("does not reject when it is aborted: the messages are not known to be sent", async () => {
    const lot = [outgoing("mail"), outgoing("mail", { notBeforeMs: aws.clock.now() + hour })];
    const errors = await senderWith().send(lot, AbortSignal.abort());
    expect(lot.map((message) => errors.get(message)?.code)).toEqual(["aws_call_failed", "aws_call_failed"]);
    expect(await aws.count(queues.mail)).toBe(0);
  });

  test("has nothing to say of nothing", async () => {
    expect(await senderWith().send([])).toEqual(new Map());
  });
});
