import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newJobId, scheduledJobId } from "./job-id.ts";
import { attributeNames, messageBytes, readMessage, scheduledBody, type WireMessage, writeMessage } from "./message.ts";

const messageId = "0f4b7a52-6c3d-4a7e-9b2f-5e1d8c7a6b90";

function message(body: string, attributes: Record<string, string> = {}): WireMessage {
  return { messageId, body, attributes };
}

describe("a message that is a job", () => {
  test("carries its type, its input and its id", () => {
    const id = newJobId(1_700_000_000_000, new Uint8Array(16));
    const written = writeMessage({ id, type: "IncrementJob", input: "sendin some sweet data yo" });
    expect(written.body).toBe('{"job_type":"IncrementJob","data":"sendin some sweet data yo"}');
    expect(readMessage({ messageId, ...written })).toEqual({
      kind: "job",
      job: { id, type: "IncrementJob", input: "sendin some sweet data yo" },
    });
  });

  test("may come from any producer: then the message's id is the job's", () => {
    expect(readMessage(message('{"job_type":"IncrementJob","data":1}'))).toMatchObject({
      job: { id: messageId, input: 1 },
    });
  });

  test("is read back as it was written, whatever its input", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        const id = newJobId(0, new Uint8Array(16));
        const reading = readMessage({ messageId, ...writeMessage({ id, type: "T", input }) });
        expect(reading).toEqual({ kind: "job", job: { id, type: "T", input: JSON.parse(JSON.stringify(input)) } });
      }),
    );
  });
});

describe("a schedule's message", () => {
  const attributes = {
    [attributeNames.path]: "/job/post/CronJob",
    [attributeNames.taskName]: "cron-job",
    [attributeNames.scheduledTime]: "2026-11-20T10:00:00Z",
  };
  const scheduledAt = new Date("2026-11-20T10:00:00Z");

  test("leads to the job type in its path, with an id made of task and time", () => {
    expect(readMessage(message(scheduledBody, attributes))).toEqual({
      kind: "job",
      job: {
        id: scheduledJobId("cron-job", scheduledAt.getTime()),
        type: "CronJob",
        input: undefined,
        schedule: { name: "cron-job", scheduledAt },
      },
    });
  });

  test("is read in Elastic Beanstalk's own form of the time, to the same id", () => {
    const beanstalk = message(scheduledBody, {
      ...attributes,
      [attributeNames.scheduledTime]: "2026-11-20 10:00:00 UTC",
    });
    expect(readMessage(beanstalk)).toEqual(readMessage(message(scheduledBody, attributes)));
  });

  test("may name its job type and carry data", () => {
    const extended = message('{"job_type":"Report","data":{"kind":"daily"}}', {
      ...attributes,
      [attributeNames.path]: "/reports",
      [attributeNames.jobType]: "Report",
    });
    expect(readMessage(extended)).toMatchObject({ job: { type: "Report", input: { kind: "daily" } } });
  });

  test("that leads nowhere is unreadable, with what to do", () => {
    const reading = readMessage(message(scheduledBody, { ...attributes, [attributeNames.path]: "/backup" }));
    expect(reading).toMatchObject({ kind: "unreadable", error: { code: "schedule_route_unknown" } });
  });

  test("without a time is unreadable", () => {
    const { [attributeNames.scheduledTime]: _, ...timeless } = attributes;
    expect(readMessage(message(scheduledBody, timeless))).toMatchObject({ kind: "unreadable" });
  });
});

describe("a message that is no job is unreadable, and says why", () => {
  test.each([
    ["", "body_not_json"],
    ["not json", "body_not_json"],
    ["[1]", "body_not_object"],
    ["null", "body_not_object"],
    ["{}", "job_type_missing"],
    ['{"job_type":7}', "job_type_missing"],
    [scheduledBody, "body_not_json"],
  ])("%j: %s", (body, code) => {
    expect(readMessage(message(body))).toMatchObject({ kind: "unreadable", error: { code } });
  });

  test("an id that is no UUID", () => {
    const reading = readMessage(message('{"job_type":"T"}', { [attributeNames.jobId]: "7" }));
    expect(reading).toMatchObject({ kind: "unreadable", error: { code: "job_id_invalid" } });
  });

  test("no text whatsoever throws, and none is repeated in its error", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (body) => {
        const reading = readMessage(message(body));
        expect(reading.kind === "job" || !reading.error.message.includes(body)).toBe(true);
      }),
    );
  });
});

test("a message is as long as its bytes in UTF-8, attributes included", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (body, value) => {
      const bytes = (text: string): number => new TextEncoder().encode(text).length;
      expect(messageBytes({ body, attributes: { name: value } })).toBe(bytes(body) + bytes(`nameString${value}`));
    }),
  );
});
