// Answers each call of the Data API and of SQS at once, with what AWS would say, and does nothing.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

/** SQS's sums are checked by the client as it comes. */
function taken(text) {
  const md5 = (body) => createHash("md5").update(body).digest("hex");
  const { Entries } = JSON.parse(text);
  const MessageId = "8f507cfc-0000-4000-8000-000000000000";
  const Successful = Entries.map(({ Id, MessageBody }) => ({ Id, MessageId, MD5OfMessageBody: md5(MessageBody) }));
  return JSON.stringify({ Successful, Failed: [] });
}

const answers = {
  "/Execute": '{"generatedFields":[],"numberOfRecordsUpdated":1}',
  "/BeginTransaction": JSON.stringify({ transactionId: "t".repeat(184) }),
  "/CommitTransaction": '{"transactionStatus":"Transaction Committed"}',
};

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const isSqs = !(request.url in answers);
    const body = isSqs ? taken(Buffer.concat(chunks).toString()) : answers[request.url];
    const type = isSqs ? "application/x-amz-json-1.0" : "application/json";
    response.writeHead(200, { "content-type": type, "content-length": body.length });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}`));
process.on("disconnect", () => process.exit());
