// Hands a bundle's handler events of no-op jobs, as often as it is asked to, and says what each record took.
import { randomUUID } from "node:crypto";

const { handler } = await import(process.argv[2]);
const context = {
  functionName: "bench",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:bench",
  memoryLimitInMB: "512",
  awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
  getRemainingTimeInMillis: () => 40_000,
};

// Events are made before: parsing them is the runtime's work. From JSON, as the runtime has them.
const eventsOf = (count, size) =>
  Array.from({ length: count }, () => JSON.parse(JSON.stringify({ Records: Array.from({ length: size }, newRecord) })));

function newRecord() {
  const messageId = randomUUID();
  return {
    messageId,
    receiptHandle: messageId,
    body: '{"job_type":"NoOp","data":"a text of some length, as a job may have"}',
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: "1795168800000",
      SenderId: "sender",
      ApproximateFirstReceiveTimestamp: "1795168800001",
    },
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:jobs",
    awsRegion: "us-east-1",
  };
}

process.on("message", async ({ records, size }) => {
  const events = eventsOf(records / size, size);
  globalThis.gc();
  const before = process.memoryUsage();
  const beforeCpu = process.cpuUsage();
  const beforeMs = performance.now();
  for (const event of events) {
    const { batchItemFailures } = await handler(event, context);
    if (batchItemFailures.length > 0) throw new Error("A no-op job failed.");
  }
  const tookMs = performance.now() - beforeMs;
  const cpu = process.cpuUsage(beforeCpu);
  const after = process.memoryUsage();
  const found = {
    microseconds: (1000 * tookMs) / records,
    cpuMicroseconds: (cpu.user + cpu.system) / records,
    heapBytes: (after.heapUsed - before.heapUsed) / records,
    residentMb: after.rss / 2 ** 20,
  };
  process.send(JSON.stringify(found));
});
process.send("ready");
