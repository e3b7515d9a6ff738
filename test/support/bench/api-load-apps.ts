import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { tokenAccess } from "@tendril/api/bearer";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createSender } from "@tendril/client/sender";
import { defineJob } from "@tendril/core/job";
import { Hono } from "hono";
import { z } from "zod";

/** The token of all that ask. */
export const loadToken = "the-token-of-the-load-test";

/** The job type that is enqueued. */
export const LoadJob = defineJob({ type: "LoadJob", input: z.object({ to: z.string(), text: z.string() }) });

const settings = { region: "us-east-1", credentials: { accessKeyId: "load", secretAccessKey: "load" } };

/** A client as it comes. */
export const openSqsClient = (endpoint: string): SQSClient => new SQSClient({ ...settings, endpoint });

/** A client as the API's function has it. */
export const openApiClient = (endpoint: string): SQSClient =>
  leanClient(new SQSClient({ ...settings, endpoint, md5: false }));

/** Hono by hand: sends the same message, and checks nothing. Without a queue it sends none. */
export function bareApp(sqs: SQSClient, queueUrl: string | undefined): Hono {
  const app = new Hono();
  app.post("/jobs", async (context) => {
    const { type, input } = await context.req.json();
    const id = randomUUID();
    if (queueUrl !== undefined) {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: JSON.stringify({ job_type: type, data: input }),
          MessageAttributes: { "tendril.job_id": { DataType: "String", StringValue: id } },
        }),
      );
    }
    return context.json({ job_id: id, job_type: type, queue: "jobs", state: "queued" }, 202);
  });
  return app;
}

/** The API with tokens, a throttle that holds nobody up, and a log that goes nowhere. Without a queue it sends no message. */
export function tendrilApp(sqs: SQSClient, queueUrl: string | undefined) {
  const queues = { jobs: { url: queueUrl ?? "http://127.0.0.1/000000000000/jobs", deadLetterUrl: "" } };
  const nowhere = createWriteStream("/dev/null");
  return createApi({
    name: "load",
    jobs: [LoadJob],
    queues,
    sender: queueUrl === undefined ? { send: async () => new Map() } : createSender({ sqs, queues }),
    access: tokenAccess(loadToken),
    auth: "token",
    throttle: { rate: 1_000_000, burst: 1_000_000 },
    log: (message, facts) => void nowhere.write(`${JSON.stringify({ message, ...facts })}\n`),
  });
}
