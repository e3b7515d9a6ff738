// A full disk under `tendril aws`: it refuses with an error, loses nothing that it acknowledged, and works again when
// there is room. The kernel refuses for real: by a limit of the files' size (EFBIG), and on a small disk (ENOSPC).
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import { CreateScheduleCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AwsProcess, failToStartAws, startAws, temporaryFolder } from "./support/aws-process.ts";
import { cluster } from "./support/durability/other-loads.ts";
import { canLimitFileSize, canMount, limitFileSize, mountSmallDisk, type SmallDisk } from "./support/full-disk.ts";
import { waitUntil } from "./support/wait-until.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: AwsProcess;
/** Where SQS and Scheduler are asked alone, its PostgreSQL saves making one. */
let other: AwsProcess;
let otherFolder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  otherFolder = await temporaryFolder();
  other = await startAws({ folder: otherFolder.path });
});

afterAll(async () => {
  await other?.kill();
  await otherFolder?.remove();
});

const startWithoutPostgres = (): Promise<AwsProcess> =>
  startAws({ folder: folder.path, flags: ["--database-url", other.databaseUrl] });

const refusal = (code: string) => ({
  name: "ServiceUnavailable",
  message: expect.stringMatching(new RegExp(`refused to keep this \\(${code}: .*make room`)),
});

const urlOf = (queue: string): string => `${aws.url}/000000000000/${queue}`;

const send = (queue: string, body: string) =>
  aws.clients.sqs.send(new SendMessageCommand({ QueueUrl: urlOf(queue), MessageBody: body }));

async function receive(queue: string, visibilitySeconds: number): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const { Messages = [] } = await aws.clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: urlOf(queue),
        MaxNumberOfMessages: 10,
        VisibilityTimeout: visibilitySeconds,
      }),
    );
    all.push(...Messages);
    if (Messages.length === 0 || visibilitySeconds === 0) return all;
  }
}

const bodies = (messages: readonly Message[]): string[] =>
  messages.map(({ Body = "" }) => Body.slice(0, 20).trim()).sort();

const journalBytes = async (file: string): Promise<number> =>
  (await stat(join(folder.path, ".tendril-aws", file))).size;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  await aws?.kill();
});

describe.skipIf(!canLimitFileSize)("files that may not grow", () => {
  beforeEach(async () => {
    aws = await startWithoutPostgres();
  });

  afterEach(() => folder.remove());

  async function restart(): Promise<void> {
    await aws.kill();
    aws = await startWithoutPostgres();
  }

  test("SQS refuses sends and deletions; what it took and gave stays true after kill -9", async () => {
    const { sqs } = aws.clients;
    const redrive = { deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead", maxReceiveCount: 1 };
    await sqs.send(new CreateQueueCommand({ QueueName: "dead" }));
    await sqs.send(new CreateQueueCommand({ QueueName: "work" }));
    const Attributes = { RedrivePolicy: JSON.stringify(redrive) };
    await sqs.send(new CreateQueueCommand({ QueueName: "once", Attributes }));
    await send("once", "read too often");
    expect(await receive("once", 0)).toHaveLength(1);

    limitFileSize(aws.process.pid, (await journalBytes("sqs/journal.jsonl")) + 30_000);
    const taken: string[] = [];
    const large = (name: string) => name.padEnd(2000);
    for (;;) {
      const name = `m${taken.length}`;
      const refused = await send("work", large(name)).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refused !== undefined) {
        expect(refused).toMatchObject(refusal("EFBIG"));
        break;
      }
      taken.push(name);
    }
    expect(taken.length).toBeGreaterThan(5);
    const Entries = [{ Id: "a", MessageBody: large("in a batch") }];
    const batch = await sqs.send(new SendMessageBatchCommand({ QueueUrl: urlOf("work"), Entries }));
    expect(batch.Failed).toMatchObject([{ Id: "a", Code: "ServiceUnavailable", SenderFault: false }]);

    limitFileSize(aws.process.pid, 1);
    const [first, second, ...others] = await receive("work", 60);
    expect(bodies([first ?? {}, second ?? {}, ...others])).toEqual([...taken].sort());
    const deletion = new DeleteMessageCommand({ QueueUrl: urlOf("work"), ReceiptHandle: first?.ReceiptHandle });
    await expect(sqs.send(deletion)).rejects.toMatchObject(refusal("EFBIG"));
    expect(await receive("once", 30)).toEqual([]);
    const [dead] = await receive("dead", 60);
    expect(dead?.Body).toBe("read too often");

    limitFileSize(aws.process.pid, "unlimited");
    await sqs.send(deletion);
    await sqs.send(new DeleteMessageCommand({ QueueUrl: urlOf("dead"), ReceiptHandle: dead?.ReceiptHandle }));
    const hide = { QueueUrl: urlOf("work"), ReceiptHandle: second?.ReceiptHandle, VisibilityTimeout: 600 };
    await sqs.send(new ChangeMessageVisibilityCommand(hide));
    for (const { ReceiptHandle } of others) {
      await sqs.send(new ChangeMessageVisibilityCommand({ ...hide, ReceiptHandle, VisibilityTimeout: 0 }));
    }
    await send("work", "there is room");

    await restart();
    expect(bodies(await receive("work", 60))).toEqual([...bodies(others), "there is room"].sort());
    expect(await receive("once", 60)).toEqual([]);
    expect(await receive("dead", 60)).toEqual([]);
  });

  test("Scheduler refuses, and has after kill -9 what it took", async () => {
    const create = (Name: string) =>
      aws.clients.scheduler.send(
        new CreateScheduleCommand({
          Name,
          ScheduleExpression: "rate(1 day)",
          FlexibleTimeWindow: { Mode: "OFF" },
          Target: {
            Arn: "arn:aws:sqs:us-east-1:000000000000:work",
            RoleArn: "arn:aws:iam::000000000000:role/any",
            Input: "x".repeat(500),
          },
        }),
      );
    const names = async (): Promise<(string | undefined)[]> =>
      ((await aws.clients.scheduler.send(new ListSchedulesCommand({}))).Schedules ?? []).map(({ Name }) => Name);
    await create("before");
    limitFileSize(aws.process.pid, (await journalBytes("scheduler/schedules.jsonl")) + 5000);
    const taken = ["before"];
    await expect(
      (async () => {
        for (;;) {
          await create(`s${taken.length}`);
          taken.push(`s${taken.length}`);
        }
      })(),
    ).rejects.toMatchObject(refusal("EFBIG"));
    expect(taken.length).toBeGreaterThan(2);
    expect((await names()).sort()).toEqual([...taken].sort());
    limitFileSize(aws.process.pid, "unlimited");
    await create("after");
    await restart();
    expect((await names()).sort()).toEqual([...taken, "after"].sort());
  });

  test("S3 refuses an object, keeps the one whose place it was to take, and has after kill -9 what it took", async () => {
    const authorization = "AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/s3/aws4_request, Signature=0";
    const ask = async (method: string, path: string, body?: string) => {
      const content = body === undefined ? {} : { body };
      const response = await fetch(`${aws.url}${path}`, { method, headers: { authorization }, ...content });
      return [response.status, await response.text()];
    };
    await ask("PUT", "/inputs");
    expect(await ask("PUT", "/inputs/a", "small")).toEqual([200, ""]);
    limitFileSize(aws.process.pid, 50_000);
    for (const key of ["a", "b"]) {
      const refused = expect.stringMatching(/<Code>ServiceUnavailable<.*refused to keep this \(EFBIG: .*make room/);
      expect(await ask("PUT", `/inputs/${key}`, "x".repeat(100_000))).toEqual([503, refused]);
    }
    expect(await ask("GET", "/inputs/a")).toEqual([200, "small"]);
    limitFileSize(aws.process.pid, "unlimited");
    const large = "y".repeat(2_000_000);
    expect(await ask("PUT", "/inputs/c", large)).toEqual([200, ""]);
    await restart();
    expect(await ask("GET", "/inputs/a")).toEqual([200, "small"]);
    expect((await ask("GET", "/inputs/b"))[0]).toBe(404);
    expect(await ask("GET", "/inputs/c")).toEqual([200, large]);
    expect(await readdir(join(folder.path, ".tendril-aws/s3/inputs"))).toHaveLength(2);
  });
});

describe.skipIf(!canMount)("a small disk", () => {
  let disk: SmallDisk;

  afterEach(async () => {
    await aws.kill();
    disk.remove();
    await folder.remove();
  });

  test("a journal whose compaction finds no room goes on until the disk is full, does not start on it, and loses nothing", async () => {
    disk = mountSmallDisk(folder.path, 7);
    aws = await startWithoutPostgres();
    await aws.clients.sqs.send(new CreateQueueCommand({ QueueName: "work" }));
    const body = (index: number) => `m${index}`.padEnd(250_000);
    const taken: string[] = [];
    await expect(
      (async () => {
        for (;;) {
          await send("work", body(taken.length));
          taken.push(`m${taken.length}`);
        }
      })(),
    ).rejects.toMatchObject(refusal("ENOSPC"));
    expect(taken.length).toBeGreaterThan(20);
    expect(aws.errors()).toMatch(/^SQS cannot write its journal: Error: ENOSPC/m); // the compaction
    await aws.kill();
    const again = { folder: folder.path, flags: ["--database-url", other.databaseUrl] };
    expect((await failToStartAws(again)).output).toMatch(
      /^tendril: The state folder cannot be written .*ENOSPC.*Make room/m,
    );
    disk.grow(64);
    aws = await startWithoutPostgres();
    await send("work", "there is room");
    expect(bodies(await receive("work", 60))).toEqual([...taken, "there is room"].sort());
  });

  test("PostgreSQL's full disk fails statements, not what was committed; there is room, and the next one runs", async () => {
    disk = mountSmallDisk(folder.path, 90);
    aws = await startAws({ folder: folder.path });
    const run = (sql: string) => aws.clients.rdsData.send(new ExecuteStatementCommand({ ...cluster, sql }));
    // PostgreSQL may have started again by itself, when its log found no room.
    const count = () =>
      waitUntil("an answer", 20_000, async () => {
        const answer = await run("select count(*) from kept").catch(() => undefined);
        return answer?.records?.[0]?.[0]?.longValue;
      });
    await run("create table kept (text text)");
    let rows = 0;
    await expect(
      (async () => {
        for (;;) {
          await run("insert into kept select md5(random()::text) from generate_series(1, 20000)");
          rows += 20_000;
        }
      })(),
    ).rejects.toMatchObject({ name: expect.stringMatching(/^Database(Error|Unavailable)Exception$/) });
    disk.grow(300);
    expect(await count()).toBe(rows);
    await run("insert into kept values ('there is room')");
    expect(await count()).toBe(rows + 1);
  });
});
