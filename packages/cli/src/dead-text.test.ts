import type { Message } from "@aws-sdk/client-sqs";
import { readDeadLetter } from "@tendril/client/operations/dead-letter";
import type { DeadQueue } from "@tendril/client/operations/dead-queue";
import { describe, expect, test } from "vitest";
import { fullJson, letterJson, listText } from "./dead-text.ts";

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

describe("in print", () => {
  test("a reason is one short line, and cannot command a terminal", () => {
    const table = listText([read(letterOf({ what: `\u001b[2J\n${"x".repeat(500)}` }))]);
    expect(table.split("\n")).toHaveLength(2);
    expect(table).toContain("\\x1b[2J xxx");
    expect(table.length).toBeLessThan(400);
  });

  test("as JSON a letter has its payload only when it is asked for", () => {
    const message = letterOf({ own: { bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1]) } } });
    expect(letterJson(read(message))).toEqual({
      job_id: id,
      type: "Mail",
      queue: "jobs",
      died: "1970-01-01T00:00:05.000Z",
      attempt: 3,
      code: "input_invalid",
      what: "Error: no",
      message_id: message.MessageId,
    });
    const history = { kind: "known", job: undefined, failedAttempts: [{ attempt: 1 }] } as const;
    expect(fullJson({ letter: read(message), message, history })).toMatchObject({
      body: '{"job_type":"Mail","data":"secret"}',
      attributes: { bytes: "AQ==", "tendril.job_id": id },
      history: { job: null, failed_attempts: [{ attempt: 1 }] },
    });
  });
});
