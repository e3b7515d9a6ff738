import { type CreateScheduleCommandInput, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { create, deadLetterArn, open, queueTarget, refusal, roleArn, utc } from "./test-room.ts";

describe("what AWS refuses", () => {
  const member = (path: string, value: string, constraint: string): string =>
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${constraint}`;
  const targetWith = (changes: Partial<CreateScheduleCommandInput["Target"]>) => ({
    Target: { ...queueTarget, ...changes },
  });
  const sendMessage = { Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", RoleArn: roleArn };

  test.each<[string, Partial<CreateScheduleCommandInput>, string]>([
    ["a bad name", { Name: "a b" }, member("name", "a b", "satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$")],
    ["a long name", { Name: "a".repeat(65) }, member("name", "a".repeat(65), "have length less than or equal to 64")],
    ["a bad expression", { ScheduleExpression: "cron(0 1 * * * *)" }, "Invalid Schedule Expression cron(0 1 * * * *)."],
    ["a bad rate", { ScheduleExpression: " rate(10 minutes)" }, "Invalid Schedule Expression  rate(10 minutes)."],
    ["a bad time zone", { ScheduleExpressionTimezone: "Mars/Base" }, "Invalid ScheduleExpressionTimezone Mars/Base."],
    [
      "a time zone in lower case",
      { ScheduleExpressionTimezone: "europe/berlin" },
      "Invalid ScheduleExpressionTimezone europe/berlin.",
    ],
    [
      "no window",
      { FlexibleTimeWindow: undefined },
      "1 validation error detected: Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null",
    ],
    [
      "a window without minutes",
      { FlexibleTimeWindow: { Mode: "FLEXIBLE" } },
      "MaximumWindowInMinutes must be provided when FlexibleTimeWindow Mode is FLEXIBLE.",
    ],
    [
      "minutes without a window",
      { FlexibleTimeWindow: { Mode: "OFF", MaximumWindowInMinutes: 5 } },
      "MaximumWindowInMinutes must not be provided when FlexibleTimeWindow Mode is OFF.",
    ],
    [
      "a wide window",
      { FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 1441 } },
      member("flexibleTimeWindow.maximumWindowInMinutes", "1441", "have value less than or equal to 1440"),
    ],
    [
      "186 retries",
      targetWith({ RetryPolicy: { MaximumRetryAttempts: 186 } }),
      member("target.retryPolicy.maximumRetryAttempts", "186", "have value less than or equal to 185"),
    ],
    [
      "a short age",
      targetWith({ RetryPolicy: { MaximumEventAgeInSeconds: 59 } }),
      member("target.retryPolicy.maximumEventAgeInSeconds", "59", "have value greater than or equal to 60"),
    ],
    [
      "an end before the start",
      { StartDate: new Date(utc("2027-01-02T00:00:00")), EndDate: new Date(utc("2027-01-01T00:00:00")) },
      "The EndDate must come after the StartDate.",
    ],
    [
      "a start more than five minutes ago",
      { StartDate: new Date(utc("2026-11-20T09:55:29")) },
      "The StartDate you specify cannot be earlier than 5 minutes ago.",
    ],
    ["a target that is no ARN", targetWith({ Arn: "jobs" }), "Provided Arn is not in correct format."],
    [
      "a target of another service",
      targetWith({ Arn: "arn:aws:lambda:us-east-1:000000000000:function:f" }),
      "arn:aws:lambda:us-east-1:000000000000:function:f cannot be served on this machine: only SQS queues and aws-sdk:sqs:sendMessage can.",
    ],
    [
      "a universal target without input",
      { Target: sendMessage },
      "Invalid RequestJson provided. It is missing the following field(s): QueueUrl, MessageBody.",
    ],
    [
      "a universal target with no JSON",
      { Target: { ...sendMessage, Input: "{" } },
      "Invalid RequestJson provided. It is no JSON.",
    ],
    [
      "a universal target with a wrong field",
      { Target: { ...sendMessage, Input: '{"QueueUrl":"u","MessageBody":"b","Body":""}' } },
      "Invalid RequestJson provided. It has the following unknown field(s): Body.",
    ],
    [
      "a universal target with a wrong type",
      { Target: { ...sendMessage, Input: '{"QueueUrl":"u","MessageBody":5}' } },
      "Invalid RequestJson provided. MessageBody is no string.",
    ],
    [
      "a FIFO dead-letter queue",
      targetWith({ DeadLetterConfig: { Arn: `${deadLetterArn}.fifo` } }),
      member(
        "target.deadLetterConfig.arn",
        `${deadLetterArn}.fifo`,
        "satisfy regular expression pattern: ^arn:aws[a-z-]*:sqs:[a-z0-9\\-]+:\\d{12}:[a-zA-Z0-9\\-_]+$",
      ),
    ],
  ])("%s", async (_, changes, message) => {
    const room = await open();
    expect(await refusal(create(room, changes))).toEqual({ name: "ValidationException", message, status: 400 });
    expect((await room.client.send(new ListSchedulesCommand({}))).Schedules).toEqual([]);
  });

  test("several at once", async () => {
    const room = await open();
    const { message } = await refusal(create(room, { Name: "a b", Description: "d".repeat(513) }));
    expect(message).toMatch(/^2 validation errors detected: Value 'a b' at 'name' .*; Value 'd+' at 'description' /);
  });

  test("a group that is not there", async () => {
    expect(await refusal(create(await open(), { GroupName: "none" }))).toEqual({
      name: "ResourceNotFoundException",
      message: "Schedule Group none does not exist.",
      status: 404,
    });
  });
});
