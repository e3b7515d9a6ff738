// `tendril aws` as a user of any AWS client runs it: a process of its own, in a folder without a project.
import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import { CreateScheduleCommand, GetScheduleCommand } from "@aws-sdk/client-scheduler";
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AwsProcess, failToStartAws, startAws, temporaryFolder } from "./support/aws-process.ts";
import { descendants, isRunning } from "./support/processes.ts";
import { repositoryRoot } from "./support/project.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: AwsProcess;

beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ folder: folder.path });
});

afterAll(async () => {
  await aws?.kill();
  await folder?.remove();
});

describe("the endpoints alone", () => {
  test("an SDK client that knows nothing but the printed variables sends, receives, keeps, schedules and queries", async () => {
    const script = `
      import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
      import { ExecuteStatementCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
      import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
      import { CreateScheduleGroupCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
      const sqs = new SQSClient();
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "pasted" }));
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
      const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
      const s3 = new S3Client();
      const at = { Bucket: "pasted", Key: "one" };
      await s3.send(new CreateBucketCommand({ Bucket: at.Bucket }));
      await s3.send(new PutObjectCommand({ ...at, Body: "kept" }));
      const kept = await (await s3.send(new GetObjectCommand(at))).Body.transformToString();
      const group = await new SchedulerClient().send(new CreateScheduleGroupCommand({ Name: "pasted" }));
      const place = { resourceArn: process.env.CLUSTER_ARN, secretArn: process.env.SECRET_ARN, database: process.env.DATABASE };
      const { records } = await new RDSDataClient().send(new ExecuteStatementCommand({ ...place, sql: "select current_database()::text" }));
      console.log(JSON.stringify([Messages[0].Body, kept, group.ScheduleGroupArn, records[0][0].stringValue]));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      cwd: repositoryRoot,
      env: { PATH: process.env.PATH, ...aws.variables },
    });
    expect(JSON.parse(stdout)).toEqual([
      "hello",
      "kept",
      "arn:aws:scheduler:us-east-1:000000000000:schedule-group/pasted",
      "tendril",
    ]);
  });

  test("a client without an SDK is answered", async () => {
    const post = (action: string, body: object): Promise<Response> =>
      fetch(aws.url, {
        method: "POST",
        headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
        body: JSON.stringify(body),
      });
    const created = await post("CreateQueue", { QueueName: "plain" });
    expect(await created.json()).toEqual({ QueueUrl: `${aws.url}/000000000000/plain` });
    const refused = await post("SendMessage", { QueueUrl: `${aws.url}/000000000000/nowhere`, MessageBody: "a" });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ __type: "com.amazonaws.sqs#QueueDoesNotExist" });
  });

  test("what it keeps is in one folder, which a second process cannot take", async () => {
    expect(await readdir(folder.path)).toEqual([".tendril-aws"]);
    const { code, output } = await failToStartAws({ folder: folder.path });
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`^tendril: The state folder is in use .*process ${aws.process.pid} holds`, "m"));
  });

  test("an outside PostgreSQL is used, and left running", async () => {
    const other = await temporaryFolder();
    const second = await startAws({ folder: other.path, flags: ["--database-url", aws.databaseUrl] });
    const place = { resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:any", secretArn: "any" };
    await second.clients.rdsData.send(new ExecuteStatementCommand({ ...place, sql: "create table seen (id int)" }));
    expect(await second.stop()).toBe(0);
    expect(await readdir(`${other.path}/.tendril-aws`)).not.toContain("postgres");
    const { numberOfRecordsUpdated } = await aws.clients.rdsData.send(
      new ExecuteStatementCommand({ ...place, sql: "insert into seen values (1)" }),
    );
    expect(numberOfRecordsUpdated).toBe(1);
    await other.remove();
  });

  test("with --chaos, faults are made on purpose and shown", async () => {
    const other = await temporaryFolder();
    const second = await startAws({ folder: other.path, flags: ["--chaos", "7", "--database-url", aws.databaseUrl] });
    const create = (number: number) => second.clients.sqs.send(new CreateQueueCommand({ QueueName: `q${number}` }));
    const answers = await Promise.allSettled(Array.from({ length: 200 }, (_, number) => create(number)));
    expect(answers.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    expect(second.output()).toMatch(/^\d\d:\d\d:\d\d {2}chaos {6}call-(throttled|failed) {2}CreateQueue.* #\d+: /m);
    expect(await second.stop()).toBe(0);
    await other.remove();
  });

  test("a stop ends every process; a start on the same folder has everything, a fresh one nothing", async () => {
    const { QueueUrl } = await aws.clients.sqs.send(new CreateQueueCommand({ QueueName: "kept" }));
    await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "kept" }));
    const schedule = { Name: "kept", ScheduleExpression: "rate(1 day)", FlexibleTimeWindow: { Mode: "OFF" as const } };
    const Target = { Arn: "arn:aws:sqs:us-east-1:000000000000:kept", RoleArn: "arn:aws:iam::000000000000:role/any" };
    await aws.clients.scheduler.send(new CreateScheduleCommand({ ...schedule, Target }));
    const children = descendants(aws.process.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    expect(await aws.stop()).toBe(0);
    expect(aws.output()).toMatch(/stopping.*\nstopped\n$/);
    expect(children.filter(isRunning)).toEqual([]);

    aws = await startAws({ folder: folder.path });
    const receive = () => aws.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: `${aws.url}/000000000000/kept` }));
    expect((await receive()).Messages?.[0]?.Body).toBe("kept");
    const { ScheduleExpression } = await aws.clients.scheduler.send(new GetScheduleCommand({ Name: "kept" }));
    expect(ScheduleExpression).toBe("rate(1 day)");
    await aws.stop();

    aws = await startAws({ folder: folder.path, flags: ["--fresh"] });
    await expect(receive()).rejects.toMatchObject({ name: "QueueDoesNotExist" });
  });
});

describe("when it cannot start, it says why in one line", () => {
  let empty: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeEach(async () => {
    empty = await temporaryFolder();
  });

  afterEach(() => empty.remove());

  async function complaint(...flags: string[]): Promise<string> {
    const { code, output } = await failToStartAws({ folder: empty.path, flags });
    expect(code).toBe(1);
    const lines = output.split("\n").filter((line) => line !== "" && !line.startsWith("·"));
    expect(lines).toHaveLength(1);
    return lines.join("");
  }

  test("a port in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    for (const [flag, ...more] of [["--port", "--database-url", aws.databaseUrl], ["--postgres-port"]] as const) {
      expect(await complaint(flag, port, ...more)).toMatch(
        new RegExp(`A port is in use \\(127.0.0.1:${port}\\).* with ${flag}\\.$`),
      );
    }
    server.close();
  });

  test("a state folder that cannot be written", async () => {
    await writeFile(join(empty.path, "file"), "");
    expect(await complaint("--state", "file/folder")).toMatch(
      /The state folder cannot be written \(.*file\/folder\): given ENOTDIR.*choose another folder/,
    );
  });

  test("a database that does not answer, without its password", async () => {
    const said = await complaint("--database-url", "postgres://me:hidden@127.0.0.1:1/mine");
    expect(said).toMatch(/PostgreSQL cannot be started \(127\.0\.0\.1:1\/mine\).*ECONNREFUSED.*--database-url/);
    expect(said).not.toContain("hidden");
  });

  test.each([
    [["--port", "many"], /--port many.*0 to 65535/],
    [["--database-url", "mysql://me:hidden@somewhere"], /^(?!.*hidden).*--database-url with postgres:/],
    [["--prot", "1"], /--prot/],
    [["now"], /aws now/],
  ])("a command line that cannot be read: %j", async (flags, words) => {
    expect(await complaint(...flags)).toMatch(words);
  });
});
