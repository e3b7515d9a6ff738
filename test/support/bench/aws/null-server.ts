// Answers the three calls of the benchmark with constants, without reading what it is sent: the SDK's own ceiling.
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { constantBodies } from "./bodies.ts";
import { serve } from "./child.ts";

const entries = constantBodies.map((body, index) => ({
  Id: String(index),
  MessageId: randomUUID(),
  ReceiptHandle: Buffer.from(`bench|${randomUUID()}|${randomUUID()}`).toString("base64"),
  Body: body,
  md5: createHash("md5").update(body).digest("hex"),
}));

const answers = new Map<string | undefined, string>(
  Object.entries({
    "AmazonSQS.SendMessageBatch": {
      Successful: entries.map(({ Id, MessageId, md5 }) => ({ Id, MessageId, MD5OfMessageBody: md5 })),
    },
    "AmazonSQS.ReceiveMessage": {
      Messages: entries.map(({ MessageId, ReceiptHandle, Body, md5 }) => ({
        MessageId,
        ReceiptHandle,
        Body,
        MD5OfBody: md5,
      })),
    },
    "AmazonSQS.DeleteMessageBatch": { Successful: entries.map(({ Id }) => ({ Id })) },
  }).map(([target, answer]) => [target, JSON.stringify(answer)]),
);

await serve(async () => {
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    request.resume().on("end", () => {
      const answer = answers.get(String(request.headers["x-amz-target"])) ?? "{}";
      response.writeHead(200, {
        "content-type": "application/x-amz-json-1.0",
        "content-length": Buffer.byteLength(answer),
      });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, close: async () => server.closeAllConnections() };
});
