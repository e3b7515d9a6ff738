/** Light parts, without the SDK: Powertools' batch, zod/mini, a log line and a metric document by hand, calls signed by hand. */
import { createHash, createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as z from "zod/mini";
import { databaseLink } from "./database-link.ts";

const { AWS_REGION: region = "", AWS_ACCESS_KEY_ID: keyId = "", AWS_SECRET_ACCESS_KEY: secret = "" } = process.env;
const { host, hostname, port } = new URL(process.env.AWS_ENDPOINT_URL_RDS_DATA ?? "http://rds-data.test");
const agent = new Agent({ keepAlive: true });
const Job = z.object({ job_type: z.literal("IncrementJob"), data: z.string().check(z.maxLength(100_000)) });
const Answer = z.object({ transactionId: z.optional(z.string()), numberOfRecordsUpdated: z.optional(z.number()) });
const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const mac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

function signature(path: string, body: string, date: string): string {
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/rds-data/aws4_request`;
  const canonical = ["POST", path, "", `host:${host}`, `x-amz-date:${date}`, "", "host;x-amz-date", hash(body)].join(
    "\n",
  );
  const key = [day, region, "rds-data", "aws4_request"].reduce<string | Buffer>(mac, `AWS4${secret}`);
  const signed = mac(key, ["AWS4-HMAC-SHA256", date, scope, hash(canonical)].join("\n")).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signed}`;
}

function call(path: string, input: object): Promise<z.infer<typeof Answer>> {
  const body = JSON.stringify(input);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const headers = {
    host,
    "x-amz-date": date,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    authorization: signature(path, body, date),
  };
  const { promise, resolve, reject } = Promise.withResolvers<z.infer<typeof Answer>>();
  request({ hostname, port, path, method: "POST", headers, agent }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      if (response.statusCode === 200) resolve(Answer.parse(JSON.parse(text)));
      else reject(new Error(text));
    });
  })
    .on("error", reject)
    .end(body);
  return promise;
}

async function runJob({ messageId, body }: SQSRecord): Promise<void> {
  const startedAtMs = Date.now();
  const { data } = Job.parse(JSON.parse(body));
  const { transactionId } = await call("/BeginTransaction", databaseLink);
  const run = (sql: string, stringValue: string) =>
    call("/Execute", { ...databaseLink, transactionId, sql, parameters: [{ name: "p", value: { stringValue } }] });
  const claimed = await run("insert into bench_claims (id) values (:p) on conflict do nothing", messageId);
  if (claimed.numberOfRecordsUpdated === 1) await run("insert into job_server_data (data) values (:p)", data);
  await call("/CommitTransaction", { ...databaseLink, transactionId });
  process.stdout.write(
    `${JSON.stringify({ level: "INFO", message: "job done", job_id: messageId, ms: Date.now() - startedAtMs })}\n`,
  );
}

export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  const response = await processPartialResponse(event, runJob, new BatchProcessor(EventType.SQS));
  const Metrics = [{ Name: "JobsDone", Unit: "Count" }];
  const _aws = {
    Timestamp: Date.now(),
    CloudWatchMetrics: [{ Namespace: "bench", Dimensions: [["service"]], Metrics }],
  };
  process.stdout.write(`${JSON.stringify({ _aws, service: "light", JobsDone: event.Records.length })}\n`);
  return response;
}
