import { randomUUID } from "node:crypto";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { createDatabase } from "@tendril/ledger/database";
import { startAws, temporaryFolder } from "../../../test/support/aws-process.ts";
import { migrateLedger } from "../../../test/support/local-aws.ts";
import type { Way } from "./ways.ts";

/** A local AWS with what the functions are linked to. */
export interface Place {
  /** The environment that Lambda and SST would give them. */
  readonly env: Readonly<Record<string, string>>;
  eventFor(way: Way): object | undefined;
  close(): Promise<void>;
}

export async function openPlace(): Promise<Place> {
  const folder = await temporaryFolder();
  const aws = await startAws({ folder: folder.path });
  const { sqs, rdsData } = aws.clients;
  const create = async (QueueName: string) => (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? "";
  const [url, deadLetterUrl] = [await create("jobs"), await create("jobs-dead")];
  const database = {
    clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
    secretArn: "arn:local",
    database: new URL(aws.databaseUrl).pathname.slice(1),
  };
  const tables = createDatabase({ client: rdsData, link: database });
  await migrateLedger(tables);
  await tables.execute("create table job_server_data (id bigint generated always as identity, data text not null)", []);
  await tables.execute("create table bench_claims (id text primary key)", []);
  const env = {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL: aws.url,
    AWS_ENDPOINT_URL_SQS: aws.url,
    AWS_ENDPOINT_URL_RDS_DATA: aws.url,
    // With it the tracer takes the trace of the invocation.
    LAMBDA_TASK_ROOT: folder.path,
    AWS_LAMBDA_FUNCTION_NAME: "bench",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    _X_AMZN_TRACE_ID: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    TENDRIL_QUEUE: "jobs",
    TENDRIL_JOBS_AT_ONCE: "10",
    TENDRIL_LONGEST_JOB_SECONDS: "30",
    TENDRIL_MAX_RECEIVE_COUNT: "13",
    TENDRIL_LEDGER_RETENTION_SECONDS: "2592000",
    SST_RESOURCE_App: JSON.stringify({ name: "tendril", stage: "bench" }),
    SST_RESOURCE_JobsQueue: JSON.stringify({ url, deadLetterUrl }),
    SST_RESOURCE_Later: JSON.stringify({ groupName: "later", roleArn: "arn:role", deadLetterArn: "arn:failures" }),
    SST_RESOURCE_Database: JSON.stringify(database),
    SST_RESOURCE_Mappings: JSON.stringify({ JobsQueue: randomUUID() }),
  };
  return {
    env,
    eventFor: ({ event }) => (event === "none" ? undefined : event === "job" ? jobEvent() : requestEvent),
    async close() {
      await aws.stop();
      await folder.remove();
    },
  };
}

/** One new job, as Lambda hands it over. */
function jobEvent(): object {
  const messageId = randomUUID();
  const record = {
    messageId,
    receiptHandle: messageId,
    body: JSON.stringify({ job_type: "IncrementJob", data: "a text" }),
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
  return { Records: [record] };
}

const requestEvent = {
  version: "2.0",
  routeKey: "$default",
  rawPath: "/job/post/IncrementJob",
  rawQueryString: "",
  headers: { "content-type": "application/json", host: "api.test" },
  requestContext: {
    accountId: "000000000000",
    apiId: "api",
    domainName: "api.test",
    domainPrefix: "api",
    http: {
      method: "POST",
      path: "/job/post/IncrementJob",
      protocol: "HTTP/1.1",
      sourceIp: "192.0.2.1",
      userAgent: "bench",
    },
    requestId: "request",
    routeKey: "$default",
    stage: "$default",
    time: "12/Mar/2026:19:03:58 +0000",
    timeEpoch: 1_773_342_238_000,
  },
  body: '{"data": "a text"}',
  isBase64Encoded: false,
};
