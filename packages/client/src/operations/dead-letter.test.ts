import type { Message } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";
import { chooseLetters, type DeadFilter, readDeadLetter, wayBackOf, wordReason } from "./dead-letter.ts";
import type { DeadQueue } from "./dead-queue.ts";

const queue: DeadQueue = { name: "jobs", fifo: false, url: "u", deadLetterUrl: "d", maxReceiveCount: 9, sources: [] };
const id = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";
const messageId = "784c5d46-daf5-411d-919e-0933d78f0711";

const text = (value: string) => ({ DataType: "String", StringValue: value });

/** A letter that a worker has written. */
function letterOf({ type = "Mail", what = "Error: no", atMs = 5000, of = id, own = {}, system = {} }): Message {
  const reason = { code: "input_invalid", what, when: new Date(atMs).toISOString(), attempt: 3, queue: "jobs" };
  return {
    MessageId: `${messageId}-${of}-${atMs}`,
    ReceiptHandle: "r",
    Body: JSON.stringify({ job_type: type, data: "secret" }),
    MessageAttributes: { ...own, "tendril.job_id": text(of), "tendril.error": text(JSON.stringify(reason)) },
    Attributes: { SentTimestamp: "9000", ...system },
  };
}

const read = (message: Message) => readDeadLetter(message, queue);

describe("a letter", () => {
  test("says which job died, when, in which attempt, and of what", () => {
    expect(read(letterOf({}))).toMatchObject({
      jobId: id,
      type: "Mail",
      queue: "jobs",
      atMs: 5000,
      reason: { kind: "told", code: "input_invalid", what: "Error: no", attempt: 3 },
    });
  });

  test("that SQS moved is told from one of a worker, also when it has died before", () => {
    const moved = read(letterOf({ system: { DeadLetterQueueSourceArn: "arn" } }));
    expect(moved).toMatchObject({ atMs: 9000, reason: { kind: "moved", receipts: 9 } });
    expect(wordReason(moved.reason)).toBe("no reason: SQS moved it after 9 receipts");
  });

  test.each([
    ["not JSON", "not JSON"],
    ["[]", "[]"],
    ["null", "null"],
    ['{"what":7,"when":"never","attempt":"x"}', '{"what":7,"when":"never","attempt":"x"}'],
  ])("with the reason %j of somebody else is shown with it as it is", (given, what) => {
    const message: Message = { MessageId: messageId, Body: "?", MessageAttributes: { "tendril.error": text(given) } };
    expect(read(message)).toMatchObject({ jobId: messageId, type: undefined, reason: { kind: "told", what } });
  });

  test("with nothing at all is one, too", () => {
    expect(wordReason(read({}).reason)).toBe("no reason: the message had no room for one");
  });
});

describe("a choice", () => {
  const other = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e78";
  const letters = [
    read(letterOf({ atMs: 3000 })),
    read(letterOf({ atMs: 1000, of: other, type: "Report" })),
    read(letterOf({ atMs: 2000, of: other, what: "Error: TOO late" })),
  ];
  const chosen = (filter: Partial<DeadFilter>): number[] =>
    chooseLetters(letters, { jobIds: [], limit: Number.POSITIVE_INFINITY, ...filter }).map((letter) => letter.atMs);
  test.each<[Partial<DeadFilter>, number[]]>([
    [{}, [1000, 2000, 3000]],
    [{ limit: 2 }, [1000, 2000]],
    [{ type: "Report" }, [1000]],
    [{ queue: "other" }, []],
    [{ error: "too LATE" }, [2000]],
    [{ error: "input_invalid", type: "Mail" }, [2000, 3000]],
    [{ diedBeforeMs: 2000 }, [1000, 2000]],
    [{ diedAfterMs: 2000 }, [2000, 3000]],
    [{ jobIds: [other, "unknown"] }, [1000, 2000]],
    [{ jobIds: [letters[0]?.messageId ?? ""] }, [3000]],
  ])("of %j", (filter, expected) => {
    expect(chosen(filter)).toEqual(expected);
  });
});

describe("on its way back a letter", () => {
  const backOf = (message: Message, to = queue) => wayBackOf(message, readDeadLetter(message, to), to);

  test("keeps its body, its attributes and its trace, and leaves the reason behind", () => {
    const own = { mine: { ...text("x"), StringListValues: [] }, number: { DataType: "Number", StringValue: "1" } };
    expect(backOf(letterOf({ own, system: { AWSTraceHeader: "Root=1" } }))).toMatchObject({
      entry: {
        MessageBody: '{"job_type":"Mail","data":"secret"}',
        MessageAttributes: {
          mine: text("x"),
          number: { DataType: "Number", StringValue: "1" },
          "tendril.job_id": text(id),
        },
        MessageSystemAttributes: { AWSTraceHeader: text("Root=1") },
      },
    });
  });

  test("that is named by its message gets that name as an attribute, a schedule's run keeps the name of its time", () => {
    const sent: Message = { MessageId: messageId, Body: '{"job_type":"Mail"}', Attributes: {} };
    expect(backOf(sent)).toMatchObject({ entry: { MessageAttributes: { "tendril.job_id": text(messageId) } } });
    const run = {
      "beanstalk.sqsd.task_name": text("nightly"),
      "beanstalk.sqsd.scheduled_time": text("2026-11-20T10:00:00Z"),
      "beanstalk.sqsd.path": text("/job/post/Mail"),
    };
    expect(backOf({ ...sent, MessageAttributes: run })).toMatchObject({ entry: { MessageAttributes: run } });
  });

  test("goes into its group under a deduplication id that its first message had not", () => {
    const system = { MessageGroupId: "g", MessageDeduplicationId: "first" };
    const back = backOf(letterOf({ system }), { ...queue, fifo: true });
    expect(back).toMatchObject({
      entry: { MessageGroupId: "g", MessageDeduplicationId: expect.stringMatching(/^redrive-784c/) },
    });
  });

  test("is stuck when the job's id has no room: in attributes, or in bytes", () => {
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`own${index}`, text("x")]));
    expect(backOf({ MessageId: messageId, Body: '{"job_type":"Mail"}', MessageAttributes: ten }).kind).toBe("stuck");
    const Body = JSON.stringify({ job_type: "Mail", data: "x".repeat(1_048_500) });
    expect(backOf({ MessageId: messageId, Body }).kind).toBe("stuck");
  });
});
