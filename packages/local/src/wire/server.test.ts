import { once } from "node:events";
import { connect } from "node:net";
import * as rdsData from "@aws-sdk/client-rds-data";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sqs from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AwsError } from "./aws-error.ts";
import { listen, type WireServer } from "./server.ts";
import { defineService } from "./service.ts";

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

let server: WireServer;
let faults: unknown[];
let seen: unknown;
let waiting: Promise<void>;
let clients: { sqs: sqs.SQSClient; scheduler: scheduler.SchedulerClient; rdsData: rdsData.RDSDataClient };

beforeEach(async () => {
  faults = [];
  seen = undefined;
  const { promise, resolve: begun } = Promise.withResolvers<void>();
  waiting = promise;
  const queues = defineService({
    client: sqs,
    protocol: "awsJson1_0",
    target: "AmazonSQS",
    missing: (member) =>
      new AwsError("MissingRequiredParameterException", `The request must contain the parameter ${member}.`, {
        queryError: "MissingParameter",
      }),
    handlers: {
      SendMessage: (input) => {
        seen = input;
        return { MessageId: input.MessageBody.toUpperCase() };
      },
      SendMessageBatch: () => ({ Successful: [], Failed: [] }),
      ReceiveMessage: async (_, { signal }) => {
        begun();
        if (!signal.aborted) await once(signal, "abort");
        return { Messages: [] };
      },
      GetQueueUrl: () => {
        throw new AwsError("QueueDoesNotExist", "The specified queue does not exist.");
      },
      DeleteQueue: () => {
        throw new Error("a bug");
      },
      PurgeQueue: () => ({}),
    },
  });
  const schedules = defineService({
    client: scheduler,
    protocol: "restJson1",
    handlers: {
      CreateSchedule: (input) => {
        seen = input;
        return { ScheduleArn: `arn:aws:scheduler:::schedule/${input.Name}` };
      },
      GetSchedule: (input) => {
        throw new AwsError("ResourceNotFoundException", `Schedule ${input.Name} does not exist.`);
      },
      UntagResource: (input) => {
        seen = input;
        return {};
      },
      ListSchedules: (input) => {
        seen = input;
        return { Schedules: [{ Name: "one", CreationDate: new Date(1_700_000_000_000) }] };
      },
    },
  });
  const statements = defineService({
    client: rdsData,
    protocol: "restJson1",
    handlers: {
      ExecuteStatement: (input) => {
        seen = input;
        return { records: [(input.parameters ?? []).map((parameter) => parameter.value ?? { isNull: true })] };
      },
    },
  });
  server = await listen([queues, schedules, statements], {
    port: 0,
    maxBodyBytes: 100_000,
    onFault: (fault) => faults.push(fault),
  });
  const config = { endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 };
  clients = {
    sqs: new sqs.SQSClient({ ...config, md5: false }),
    scheduler: new scheduler.SchedulerClient(config),
    rdsData: new rdsData.RDSDataClient(config),
  };
});

afterEach(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await server.close();
});

const QueueUrl = "http://127.0.0.1/000000000000/q";

describe("the SDK's own clients", () => {
  test("send and read values of every kind over AWS JSON 1.0", async () => {
    const sent = await clients.sqs.send(
      new sqs.SendMessageCommand({
        QueueUrl,
        MessageBody: "grün",
        DelaySeconds: 3,
        MessageAttributes: { b: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) } },
      }),
    );
    expect(sent.MessageId).toBe("GRÜN");
    expect(sent.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen).toMatchObject({
      DelaySeconds: 3,
      MessageAttributes: { b: { BinaryValue: new Uint8Array([0, 255]) } },
    });
  });

  test("get an empty answer where the operation has no output", async () => {
    expect((await clients.sqs.send(new sqs.PurgeQueueCommand({ QueueUrl }))).$metadata.httpStatusCode).toBe(200);
  });

  test("send path labels, query strings, dates and lists over restJson1", async () => {
    const StartDate = new Date("2030-01-02T03:04:05Z");
    const created = await clients.scheduler.send(
      new scheduler.CreateScheduleCommand({
        Name: "every.day-1",
        ScheduleExpression: "rate(1 day)",
        StartDate,
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: { Arn: "arn:aws:sqs:us-east-1:000000000000:q", RoleArn: "arn:aws:iam::000000000000:role/r" },
      }),
    );
    expect(created.ScheduleArn).toBe("arn:aws:scheduler:::schedule/every.day-1");
    expect(seen).toMatchObject({ Name: "every.day-1", StartDate });

    const ResourceArn = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/a b";
    await clients.scheduler.send(new scheduler.UntagResourceCommand({ ResourceArn, TagKeys: ["a", "b,c"] }));
    expect(seen).toEqual({ ResourceArn, TagKeys: ["a", "b,c"] });

    const listed = await clients.scheduler.send(new scheduler.ListSchedulesCommand({ NamePrefix: "o", MaxResults: 5 }));
    expect(seen).toEqual({ NamePrefix: "o", MaxResults: 5 });
    expect(listed.Schedules?.[0]?.CreationDate).toEqual(new Date(1_700_000_000_000));
  });

  test("send unions and read them back", async () => {
    const fields: rdsData.Field[] = [
      { isNull: true },
      { longValue: -7 },
      { doubleValue: 0.5 },
      { booleanValue: false },
      { stringValue: 'ä"\n' },
      { blobValue: new Uint8Array([1, 2]) },
      { arrayValue: { longValues: [1, 2] } },
    ];
    const { records } = await clients.rdsData.send(
      new rdsData.ExecuteStatementCommand({
        resourceArn: "arn",
        secretArn: "arn",
        sql: "select 1",
        parameters: fields.map((value, index) => ({ name: `p${index}`, value })),
      }),
    );
    expect(records).toEqual([fields]);
  });

  test("throw typed errors with the status and code of the model", async () => {
    const missing = await clients.sqs.send(new sqs.GetQueueUrlCommand({ QueueName: "no" })).catch((error) => error);
    expect(missing).toBeInstanceOf(sqs.QueueDoesNotExist);
    expect(missing.message).toBe("The specified queue does not exist.");
    expect(missing.$metadata.httpStatusCode).toBe(400);

    const gone = await clients.scheduler.send(new scheduler.GetScheduleCommand({ Name: "no" })).catch((error) => error);
    expect(gone).toBeInstanceOf(scheduler.ResourceNotFoundException);
    expect(gone.$metadata.httpStatusCode).toBe(404);
    expect(gone.message).toBe("Schedule no does not exist.");
  });

  test("are told which required member is missing, at any depth", async () => {
    const noBody = clients.sqs.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody: undefined }));
    await expect(noBody).rejects.toMatchObject({
      name: "MissingParameter",
      message: "The request must contain the parameter MessageBody.",
    });
    const Entries = [
      { Id: "1", MessageBody: "a" },
      { Id: undefined, MessageBody: "b" },
    ];
    const noId = clients.sqs.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }));
    await expect(noId).rejects.toThrow("The request must contain the parameter Entries.2.member.Id.");
    const noMode = clients.scheduler.send(
      new scheduler.CreateScheduleCommand({
        Name: "a",
        ScheduleExpression: "rate(1 day)",
        FlexibleTimeWindow: { Mode: undefined },
        Target: { Arn: "a", RoleArn: "b" },
      }),
    );
    await expect(noMode).rejects.toMatchObject({
      name: "ValidationException",
      message:
        "1 validation error detected: Value null at 'flexibleTimeWindow.mode' failed to satisfy constraint: Member must not be null",
    });
  });

  test("are told when an operation is not supported", async () => {
    const tagged = clients.sqs.send(new sqs.ListQueueTagsCommand({ QueueUrl }));
    await expect(tagged).rejects.toMatchObject({
      name: "UnknownOperationException",
      message: "The operation ListQueueTags is not supported.",
    });
  });

  test("get InternalFailure for a bug in a handler, which is reported and not shown", async () => {
    const deleted = await clients.sqs.send(new sqs.DeleteQueueCommand({ QueueUrl })).catch((error) => error);
    expect(deleted).toMatchObject({ name: "InternalFailure", $metadata: { httpStatusCode: 500 } });
    expect(deleted.message).not.toContain("a bug");
    expect(faults).toEqual([new Error("a bug")]);
  });
});

describe("bad requests", () => {
  const post = (body: string | Uint8Array, headers: Record<string, string> = {}, path = "/"): Promise<Response> =>
    fetch(server.url + path, {
      method: "POST",
      body: Buffer.from(body),
      headers: { "x-amz-target": "AmazonSQS.SendMessage", ...headers },
    });

  test.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a number for a string", '{"QueueUrl":"q","MessageBody":7}'],
    ["a string for a number", '{"QueueUrl":"q","MessageBody":"a","DelaySeconds":"7"}'],
    ["a list for a map", '{"QueueUrl":"q","MessageBody":"a","MessageAttributes":[]}'],
    ["a null in a map", '{"QueueUrl":"q","MessageBody":"a","MessageAttributes":{"a":null}}'],
    [
      "no base64",
      '{"QueueUrl":"q","MessageBody":"a","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"*"}}}',
    ],
  ])("%s is a SerializationException", async (_, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: "com.amazon.coral.service#SerializationException" });
  });

  test("a body longer than allowed is refused without being kept", async () => {
    const response = await post("x".repeat(100_001));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      __type: "com.amazon.coral.service#RequestEntityTooLargeException",
      message: "The request body must not be longer than 100000 bytes.",
    });
  });

  test("an unknown operation, service, path or protocol is an UnknownOperationException", async () => {
    for (const response of [
      await post("{}", { "x-amz-target": "AmazonSQS.Nonsense" }),
      await post("{}", { "x-amz-target": "DynamoDB_20120810.PutItem" }),
      await post("{}", { "x-amz-target": "" }, "/nowhere"),
    ]) {
      expect(await response.json()).toMatchObject({ __type: "com.amazon.coral.service#UnknownOperationException" });
    }
    const form = { "x-amz-target": "", "content-type": "application/x-www-form-urlencoded" };
    expect(await (await post("Action=ListQueues", form)).text()).toContain("query protocol");
  });

  test("a broken percent-encoding in the path is a SerializationException", async () => {
    const response = await fetch(`${server.url}/schedules/%ff`);
    expect(response.status).toBe(400);
    expect(response.headers.get("x-amzn-errortype")).toBe("SerializationException");
  });

  test("a web page of another host is turned away", async () => {
    expect((await post("{}", { origin: "https://example.com" })).status).toBe(403);
    expect((await post('{"QueueUrl":"q","MessageBody":"a"}', { origin: "http://localhost:3000" })).status).toBe(200);
  });

  test("bytes that are no HTTP get status 400, and the server lives on", async () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.end(Buffer.from([0, 1, 2, 3, 255, 10, 13]));
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect((await post('{"QueueUrl":"q","MessageBody":"a"}')).status).toBe(200);
  });

  test("a caller that goes away in the middle of its body harms nothing", async () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: a\r\nx-amz-target: AmazonSQS.SendMessage\r\ncontent-length: 100\r\n\r\n{");
    await once(socket, "connect");
    socket.destroy();
    expect((await post('{"QueueUrl":"q","MessageBody":"a"}')).status).toBe(200);
    expect(faults).toEqual([]);
  });
});

describe("close", () => {
  test("ends an open long poll with an answer, and idle connections, quickly", async () => {
    await clients.sqs.send(new sqs.PurgeQueueCommand({ QueueUrl }));
    const poll = clients.sqs.send(new sqs.ReceiveMessageCommand({ QueueUrl }));
    await waiting;
    const begunMs = performance.now();
    await server.close();
    expect(performance.now() - begunMs).toBeLessThan(500);
    await expect(poll).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  test("a handler's signal aborts when its caller goes away", async () => {
    const caller = new AbortController();
    const poll = clients.sqs.send(new sqs.ReceiveMessageCommand({ QueueUrl }), { abortSignal: caller.signal });
    await waiting;
    caller.abort();
    await expect(poll).rejects.toMatchObject({ name: "AbortError" });
  });
});

test("a port that is taken rejects with the operating system's error", async () => {
  await expect(listen([], { port: server.port })).rejects.toMatchObject({ code: "EADDRINUSE", syscall: "listen" });
});

test("a handler for an operation that the client does not have is refused", () => {
  const handlers: object = { SendMesage: () => ({}) };
  expect(() => defineService({ client: sqs, protocol: "awsJson1_0", target: "AmazonSQS", handlers })).toThrow(
    "The client has no operation SendMesage.",
  );
});
