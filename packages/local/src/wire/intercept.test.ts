import * as sqs from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { AwsError } from "./aws-error.ts";
import { listen } from "./server.ts";
import { ConnectionCut, defineService, type HandlerContext, type Interceptor } from "./service.ts";

/** A service that answers a message's body as its id, behind an interceptor. */
async function start(intercept?: Interceptor) {
  const contexts: HandlerContext[] = [];
  const service = defineService({
    client: sqs,
    protocol: "awsJson1_0",
    target: "AmazonSQS",
    handlers: {
      SendMessage: ({ MessageBody }, context) => {
        contexts.push(context);
        return { MessageId: MessageBody };
      },
    },
  });
  const server = await listen([service], { port: 0, ...(intercept ? { intercept } : {}) });
  const credentials = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "secret" };
  const config = { endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1, md5: false } as const;
  const client = new sqs.SQSClient(config);
  onTestFinished(async () => {
    client.destroy();
    await server.close();
  });
  const send = async (MessageBody: string) =>
    (await client.send(new sqs.SendMessageCommand({ QueueUrl: "q", MessageBody }))).MessageId;
  return { send, contexts, url: server.url };
}

test("a handler learns the caller's headers and access key", async () => {
  const { send, contexts, url } = await start();
  await send("hello");
  expect(contexts[0]?.accessKeyId()).toBe("ASIAEXAMPLE");
  expect(contexts[0]?.header("x-amz-target")).toBe("AmazonSQS.SendMessage");
  const headers = { "x-amz-target": "AmazonSQS.SendMessage", authorization: "Bearer AWS4-HMAC-SHA256 Credential=A/b" };
  await fetch(url, { method: "POST", headers, body: JSON.stringify({ QueueUrl: "q", MessageBody: "unsigned" }) });
  expect(contexts[1]?.accessKeyId()).toBeUndefined();
});

test("an interceptor sees each call, runs it with another input and answers with another output", async () => {
  const seen: unknown[] = [];
  const { send } = await start(async ({ service, operation, input, context }, run) => {
    seen.push([service, operation, input, context.accessKeyId()]);
    const output = await run({ QueueUrl: "q", MessageBody: "other" });
    return { MessageId: `${JSON.stringify(output)} intercepted` };
  });
  expect(await send("mine")).toBe('{"MessageId":"other"} intercepted');
  expect(seen).toEqual([["sqs", "SendMessage", { QueueUrl: "q", MessageBody: "mine" }, "ASIAEXAMPLE"]]);
});

test("an interceptor answers with an error instead", async () => {
  const { send, contexts } = await start(async () => {
    throw new AwsError("RequestThrottled", "Too many.");
  });
  await expect(send("hello")).rejects.toThrow(sqs.RequestThrottled);
  expect(contexts).toEqual([]);
});

test("a connection is cut after the call, without an answer, and the next call works", async () => {
  let cuts = 1;
  const { send, contexts } = await start(async ({ input }, run) => {
    const output = await run(input);
    if (cuts-- > 0) throw new ConnectionCut();
    return output;
  });
  await expect(send("lost")).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(contexts.length).toBe(1);
  expect(await send("next")).toBe("next");
});
