import { newJobId } from "@tendril/core/job-id";
import fc from "fast-check";
import { expect, test } from "vitest";
import { longestDelayMs, needsSchedule, scheduleInput } from "./later.ts";

const id = newJobId(0, new Uint8Array(16));
const standard = { url: "https://sqs.test/jobs", deadLetterUrl: "" };
const fifo = { url: "https://sqs.test/jobs.fifo", deadLetterUrl: "" };

test("a schedule carries any body as it is, and no word that Scheduler would replace", () => {
  const word = fc.constantFrom("<aws.scheduler.", "execution-id>", "<", "\\", '"', "\\u003c");
  const text = fc.array(fc.oneof(word, fc.string({ unit: "binary" }))).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, text, (body, value) => {
      const input = scheduleInput({ id, queue: "jobs", body, attributes: { note: value }, group: "g" }, standard);
      expect(input).not.toContain("<aws.scheduler.");
      expect(JSON.parse(input)).toEqual({
        QueueUrl: standard.url,
        MessageBody: body,
        MessageAttributes: { note: { DataType: "String", StringValue: value } },
        MessageGroupId: "g",
      });
    }),
  );
});

test.each([
  ["a message without a time", undefined, false, false],
  ["a time that is past", -1, false, false],
  ["now", 0, false, false],
  ["a moment from now", 1, false, true],
  ["SQS's longest delay", longestDelayMs, false, true],
  ["more than that", longestDelayMs + 1, true, true],
])("%s needs a schedule on a standard and on a FIFO queue: %s", (_, waitMs, onStandard, onFifo) => {
  const nowMs = 1_000_000;
  const message = waitMs === undefined ? {} : { notBeforeMs: nowMs + waitMs };
  expect([needsSchedule(message, standard, nowMs), needsSchedule(message, fifo, nowMs)]).toEqual([onStandard, onFifo]);
});
