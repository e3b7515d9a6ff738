import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { event, kinesisRecord, s3Record, s3TestEvent, snsNotification } from "./envelope.fixture.ts";
import { defineJob } from "./job.ts";
import { namedSources, readSourced, type SourceOptions } from "./source.ts";

const anything = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const job = defineJob({ type: "Order", input: anything });
const other = defineJob({ type: "Other", input: anything });
const messageId = "0f4b7a52-6c3d-4a7e-9b2f-5e1d8c7a6b90";

const sns: SourceOptions = { from: "sns", job, topic: "orders" };
const eventbridge: SourceOptions = { from: "eventbridge", job, pattern: { source: ["shop"] } };
const s3: SourceOptions = { from: "s3", job, bucket: "uploads" };
const kinesis: SourceOptions = { from: "kinesis", job, stream: "clicks" };
const all = [sns, eventbridge, s3, kinesis];

function read(body: unknown, sources: readonly SourceOptions[] = all, attributes: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readSourced({ messageId, body: text, attributes }, namedSources("jobs", sources));
}

function jobOf(...given: Parameters<typeof read>) {
  const reading = read(...given);
  if (reading.kind !== "job") throw new Error(JSON.stringify(reading));
  return reading.job;
}

function errorOf(...given: Parameters<typeof read>) {
  const reading = read(...given);
  if (reading.kind !== "unreadable") throw new Error(JSON.stringify(reading));
  return reading.error;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("whatever JSON stands in an envelope arrives unchanged", () => {
  const cases: [string, (json: string, value: unknown) => object][] = [
    ["SNS", (json) => snsNotification(json)],
    ["EventBridge", (_json, value) => event(value)],
    ["Kinesis through a pipe", (json) => kinesisRecord(base64(json))],
  ];
  test.each(cases)("%s", (_name, envelope) => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value: unknown = JSON.parse(json);
        expect(jobOf(envelope(json, value))).toMatchObject({ type: "Order" });
        expect(jobOf(envelope(json, value)).input).toEqual(value);
      }),
    );
  });

  test("and whatever text, where text is asked for", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const wellFormed = text.toWellFormed();
        expect(jobOf(snsNotification(text), [{ ...sns, input: "text" }]).input).toBe(text);
        const record = kinesisRecord(base64(wellFormed));
        expect(jobOf(record, [{ ...kinesis, input: "text" }]).input).toBe(wellFormed);
        expect(jobOf(record, [{ ...kinesis, input: "base64" }]).input).toBe(base64(wellFormed));
      }),
    );
  });

  test("or the whole event", () => {
    expect(jobOf(event({ a: 1 }), [{ ...eventbridge, input: "event" }]).input).toEqual(event({ a: 1 }));
  });
});

describe("an S3 notification", () => {
  test("is a list of what happened to which object", () => {
    expect(jobOf({ Records: [s3Record("HappyFace.jpg")] }).input).toEqual([
      {
        event: "ObjectCreated:Put",
        time: "1970-01-01T00:00:00.000Z",
        bucket: "amzn-s3-demo-bucket",
        key: "HappyFace.jpg",
        size: 1024,
        eTag: "d41d8cd98f00b204e9800998ecf8427e",
        versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
        sequencer: "0055AED6DCD90281E5",
      },
    ]);
  });

  test("of several records is one job with all of them", () => {
    const { input } = jobOf({ Records: [s3Record("a"), s3Record("b")] });
    expect(input).toMatchObject([{ key: "a" }, { key: "b" }]);
  });

  test("has its keys decoded, whatever they are", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (key) => {
        const encoded = encodeURIComponent(key).replaceAll("%20", "+");
        expect(jobOf({ Records: [s3Record(encoded)] }).input).toMatchObject([{ key }]);
      }),
    );
  });

  test("that only tries the queue out is no job", () => {
    expect(read(s3TestEvent)).toMatchObject({ kind: "ignored" });
    expect(errorOf(s3TestEvent, [sns])).toMatchObject({ code: "envelope_unknown" });
  });
});

describe("a job's id", () => {
  const envelopes: [string, object, object][] = [
    ["SNS", snsNotification("1"), snsNotification("1", { MessageId: "00000000-d533-4a47-aef9-fcf5cf758c76" })],
    ["EventBridge", event(1), event(1, { id: "00000000-b491-4cf7-a9f1-bf3703467718" })],
    ["Kinesis", kinesisRecord(base64("1")), kinesisRecord(base64("1"), { eventID: "shardId-000000000007:1" })],
    [
      "another Kinesis stream",
      kinesisRecord(base64("1")),
      kinesisRecord(base64("1"), { eventSourceARN: "arn:aws:kinesis:us-east-2:123456789012:stream/other" }),
    ],
    ["S3", { Records: [s3Record("a")] }, { Records: [s3Record("a", { sequencer: "0055AED6DCD90281E6" })] }],
    ["another S3 key", { Records: [s3Record("a")] }, { Records: [s3Record("b")] }],
    ["another S3 version", { Records: [s3Record("a")] }, { Records: [s3Record("a", { versionId: "2" })] }],
    ["a second S3 record", { Records: [s3Record("a")] }, { Records: [s3Record("a"), s3Record("a")] }],
  ];
  test.each(envelopes)("is the same when %s delivers again, and another for another event", (_name, one, another) => {
    const { id } = jobOf(one);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
    expect(jobOf(one).id).toBe(id);
    expect(jobOf(another).id).not.toBe(id);
  });

  test("is another for each job type, so that a topic of two queues gives two jobs", () => {
    expect(jobOf(snsNotification("1"), [{ ...sns, job: other }]).id).not.toBe(jobOf(snsNotification("1")).id);
  });

  test("never changes: another value here would run jobs once more after an upgrade", () => {
    expect(jobOf(snsNotification("1")).id).toBe("fba6a752-ad40-578a-af81-550f805b1efe");
    expect(jobOf({ Records: [s3Record("a")] }).id).toBe("9a900337-8eb5-5b1c-a26c-883ff11a37c8");
  });

  test("is the one that a dead letter says", () => {
    const id = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";
    expect(jobOf(snsNotification("1"), all, { "tendril.job_id": id }).id).toBe(id);
  });
});

describe("raw delivery", () => {
  const raw = [{ ...sns, raw: true }];
  test("brings the message as it is; its id is the message's", () => {
    expect(jobOf('{"order": 7}', raw)).toEqual({ id: messageId, type: "Order", input: { order: 7 } });
    expect(jobOf("[1, 2]", raw).input).toEqual([1, 2]);
    expect(jobOf("not JSON", [{ ...sns, raw: true, input: "text" }]).input).toBe("not JSON");
    expect(errorOf("not JSON", raw)).toMatchObject({ code: "envelope_invalid" });
  });
});

describe("a queue with sources", () => {
  test("takes jobs' own messages as any other queue", () => {
    const own = { job_type: "Other", data: { detail: 1 } };
    for (const sources of [all, [{ ...sns, raw: true }]]) {
      expect(jobOf(own, sources)).toEqual({ id: messageId, type: "Other", input: { detail: 1 } });
    }
    expect(jobOf(own, [])).toMatchObject({ type: "Other" });
    const schedule = {
      "beanstalk.sqsd.task_name": "nightly",
      "beanstalk.sqsd.scheduled_time": "2026-11-20T10:00:00Z",
      "beanstalk.sqsd.path": "/job/post/Other",
    };
    expect(jobOf("elasticbeanstalk scheduled job", all, schedule)).toMatchObject({ schedule: { name: "nightly" } });
  });

  test("tells two sources of one kind apart", () => {
    const second = { ...sns, job: other, topic: "arn:aws:sns:us-west-2:123456789012:Second" };
    const topic = (name: string) => snsNotification("1", { TopicArn: `arn:aws:sns:us-west-2:123456789012:${name}` });
    expect(jobOf(topic("app-stage-orders"), [second, sns]).type).toBe("Order");
    expect(jobOf(topic("Second"), [sns, second]).type).toBe("Other");
    expect(errorOf(topic("Third"), [sns, second])).toMatchObject({ code: "envelope_unknown" });

    const streams = [
      kinesis,
      { ...kinesis, job: other, stream: "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream" },
    ];
    expect(jobOf(kinesisRecord(base64("1")), streams).type).toBe("Other");

    const events = [
      { ...eventbridge, pattern: { "detail-type": ["Paid"] } },
      { ...eventbridge, job: other, pattern: { "detail-type": ["Sent", "Lost"], detail: { a: [1] } } },
    ];
    expect(jobOf(event(1, { "detail-type": "Paid" }), events).type).toBe("Order");
    expect(jobOf(event(1, { "detail-type": "Lost" }), events).type).toBe("Other");

    const buckets = [s3, { ...s3, job: other, bucket: "second" }];
    const configured = (configurationId: string) => {
      const record = s3Record("a");
      return { Records: [{ ...record, s3: { ...record.s3, configurationId } }] };
    };
    expect(namedSources("jobs", [s3, s3]).map(({ name }) => name)).toEqual(["jobs-Order-s3", "jobs-Order-s3-2"]);
    expect(jobOf(configured("jobs-Other-s3"), buckets).type).toBe("Other");
    expect(errorOf(configured("testConfigRule"), buckets)).toMatchObject({ code: "envelope_unknown" });
  });
});

describe("what cannot be read is refused with the place, and nothing of it is repeated", () => {
  test.each<[string, unknown, string, string]>([
    ["no JSON", "secret", "envelope_unknown", "body"],
    ["a list", ["secret"], "envelope_unknown", "body"],
    ["an object of no known kind", { secret: "secret" }, "envelope_unknown", "body"],
    ["a confirmation", snsNotification("secret", { Type: "SubscriptionConfirmation" }), "envelope_invalid", "Type"],
    ["SNS without JSON", snsNotification("secret"), "envelope_invalid", "Message"],
    ["SNS without an id", snsNotification("1", { MessageId: undefined }), "envelope_invalid", "MessageId"],
    ["an event without an id", event("secret", { id: 7 }), "envelope_invalid", "id"],
    ["an event without detail", event("secret", { detail: undefined }), "envelope_invalid", "detail"],
    ["Kinesis without base64", kinesisRecord("secret!"), "envelope_invalid", "data"],
    ["Kinesis without UTF-8", kinesisRecord("/////w=="), "envelope_invalid", "data"],
    ["Kinesis without JSON", kinesisRecord(base64("secret")), "envelope_invalid", "data"],
    ["a key that is not encoded", { Records: [s3Record("secret%")] }, "envelope_invalid", "Records.0.s3.object.key"],
    ["S3 without a key", { Records: [s3Record("a", { key: 1 })] }, "envelope_invalid", "Records.0.s3.object.key"],
    ["S3 without an object", { Records: [{ ...s3Record("a"), s3: "secret" }] }, "envelope_invalid", "Records.0.s3"],
    ["S3 with nothing beside", { Records: [s3Record("a"), null] }, "envelope_invalid", "Records.1"],
  ])("%s", (_name, body, code, where) => {
    const error = errorOf(body);
    expect(error).toMatchObject({ code, facts: { where } });
    expect(error.message).not.toContain("secret");
  });

  test("an envelope of a source that the queue does not have", () => {
    const error = errorOf(event(1), [sns, s3]);
    expect(error.message).toContain("given an EventBridge event");
    expect(error.message).toContain("or an SNS notification or an S3 notification");
  });

  test("any body at all is read without an exception", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), anyEnvelope()), (body) => {
        expect(["job", "unreadable", "ignored"]).toContain(read(body).kind);
      }),
      { numRuns: 500 },
    );
  });
});

/** An envelope in which one member, at any depth, is something else. */
function anyEnvelope() {
  const envelopes = [
    snsNotification("1"),
    event({ a: 1 }),
    { Records: [s3Record("a")] },
    s3TestEvent,
    kinesisRecord("MQ=="),
  ];
  return fc
    .tuple(fc.constantFrom(...envelopes), fc.nat(20), fc.jsonValue())
    .map(([envelope, index, value]) => JSON.stringify(envelope, replacing(index, value)));
}

function replacing(index: number, by: unknown) {
  let seen = 0;
  return (key: string, value: unknown): unknown => {
    if (key === "") return value;
    seen += 1;
    return seen - 1 === index ? by : value;
  };
}
