import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  DatabaseResumingException,
  DatabaseUnavailableException,
  ExecuteStatementCommand,
  TransactionNotFoundException,
} from "@aws-sdk/client-rds-data";
import { ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { isServerError, isThrottlingError, isTransientError } from "@smithy/core/retry";
import { expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { arns } from "../rds-data/test-data-api.ts";
import { startChaosAws } from "./chaos.fixture.ts";

const clock = virtualClock(Date.UTC(2030, 0, 1));
const { chaos, faults, clients, queue, only, kinds } = startChaosAws(clock);

const send = (QueueUrl: string, MessageBody = "hello") =>
  clients().sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
const select = (transactionId?: string) =>
  clients().rdsData.send(
    new ExecuteStatementCommand({ ...arns, sql: "select 1", ...(transactionId ? { transactionId } : {}) }),
  );
const list = () => clients().scheduler.send(new ListSchedulesCommand({}));
const received = async (QueueUrl: string): Promise<string[]> => {
  const { Messages = [] } = await clients().sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 60 }),
  );
  return Messages.map(({ Body = "" }) => Body);
};
type SdkError = Parameters<typeof isServerError>[0];
const isError = (thrown: unknown): thrown is SdkError => thrown instanceof Error;
const failure = async (call: Promise<unknown>): Promise<SdkError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isError(error)) return error;
  throw new Error("The call did not fail.");
};

test("a throttled call gets its service's error, which the SDK knows as one, and is not run", async () => {
  const url = await queue("throttled");
  only({ "call-throttled": 1 });
  const errors = [await failure(send(url)), await failure(select()), await failure(list())];
  expect(errors.map(({ name }) => name)).toEqual(["RequestThrottled", "ThrottlingException", "ThrottlingException"]);
  expect(errors.every((error) => isThrottlingError(error))).toBe(true);
  expect(faults[0]).toEqual({
    kind: "call-throttled",
    site: "SendMessage throttled",
    event: 1,
    what: "answered with RequestThrottled",
  });
  only({});
  expect(await received(url)).toEqual([]);
});

test("a failed call is answered with status 500 or 503, which the SDK tries again, and is not run", async () => {
  const url = await queue("failed");
  only({ "call-failed": 1 });
  const names = new Set<string>();
  for (let calls = 0; calls < 8; calls++) {
    for (const error of [await failure(send(url)), await failure(select()), await failure(list())]) {
      names.add(error.name);
      expect(isServerError(error) || isTransientError(error)).toBe(true);
    }
  }
  expect(names).toEqual(
    new Set([
      "InternalFailure",
      "ServiceUnavailable",
      "InternalServerErrorException",
      "ServiceUnavailableError",
      "InternalServerException",
    ]),
  );
  only({});
  expect(await received(url)).toEqual([]);
});

test("a call whose answer is lost was run, and its connection is cut", async () => {
  const url = await queue("lost");
  only({ "answer-lost": 1 });
  const error = await failure(send(url));
  expect(isTransientError(error)).toBe(true);
  expect(error).toMatchObject({ code: "ECONNRESET" });
  expect(kinds()).toEqual(["answer-lost"]);
  only({});
  expect(await received(url)).toEqual(["hello"]);
});

test("a slow call is run when its time has come", async () => {
  const url = await queue("slow");
  only({ "call-slow": 1 });
  const sent = send(url);
  await expect.poll(kinds).toEqual(["call-slow"]);
  only({});
  expect(await received(url)).toEqual([]);
  await clock.advance(1_000);
  await sent;
  expect(await received(url)).toEqual(["hello"]);
});

test("a part of a batch fails, through no fault of the sender's, and the other entries work", async () => {
  const url = await queue("batches");
  const { sqs } = clients();
  const ids = Array.from({ length: 10 }, (_, index) => String(index));
  only({ "entry-failed": 0.5 });
  const sends = await sqs.send(
    new SendMessageBatchCommand({ QueueUrl: url, Entries: ids.map((Id) => ({ Id, MessageBody: Id })) }),
  );
  const sent = (sends.Successful ?? []).map(({ Id }) => Id);
  expect([...sent, ...(sends.Failed ?? []).map(({ Id }) => Id)].sort()).toEqual(ids);
  expect(sent.length).toBeGreaterThan(0);
  for (const { SenderFault, Code } of sends.Failed ?? []) {
    expect(SenderFault).toBe(false);
    expect(Code).toMatch(/^(InternalError|ThrottlingException)$/);
  }
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }));
  expect(Messages.map(({ Body }) => Body)).toEqual(sent);

  const handles = Messages.map(({ Body: Id, ReceiptHandle }) => ({ Id, ReceiptHandle }));
  const hidden = await sqs.send(
    new ChangeMessageVisibilityBatchCommand({
      QueueUrl: url,
      Entries: handles.map((each) => ({ ...each, VisibilityTimeout: 0 })),
    }),
  );
  expect((hidden.Successful?.length ?? 0) + (hidden.Failed?.length ?? 0)).toBe(sent.length);
  only({ "entry-failed": 1 });
  const deleted = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: handles }));
  expect(deleted.Successful ?? []).toEqual([]);
  expect(deleted.Failed?.map(({ Id }) => Id)).toEqual(sent);
  only({});
  await clock.advance(60_000);
  expect((await received(url)).length).toBe(sent.length);
});

test("while the database resumes, nothing begins, and what was begun goes on; then it works again", async () => {
  const { transactionId } = await clients().rdsData.send(new BeginTransactionCommand(arns));
  only({ "database-resuming": 1 });
  expect(await failure(select())).toBeInstanceOf(DatabaseResumingException);
  only({});
  expect(await failure(select())).toBeInstanceOf(DatabaseResumingException);
  const begin = clients().rdsData.send(new BeginTransactionCommand(arns));
  expect(await failure(begin)).toBeInstanceOf(DatabaseResumingException);
  expect((await select(transactionId)).records).toEqual([[{ longValue: 1 }]]);
  await clients().rdsData.send(new CommitTransactionCommand({ ...arns, transactionId }));
  await clock.advance(3_000);
  expect((await select()).records).toEqual([[{ longValue: 1 }]]);
  expect(kinds()).toEqual(["database-resuming"]);
});

test("a database that is away refuses every call until it is back, and has lost its transactions then", async () => {
  const { transactionId } = await clients().rdsData.send(new BeginTransactionCommand(arns));
  chaos.pause();
  chaos.setDatabaseAway(true);
  expect(await failure(select())).toBeInstanceOf(DatabaseUnavailableException);
  expect(await failure(select(transactionId))).toBeInstanceOf(DatabaseUnavailableException);
  await clients().sqs.send(new GetQueueUrlCommand({ QueueName: "batches" }));
  chaos.setDatabaseAway(false);
  chaos.resume();
  expect(await failure(select(transactionId))).toBeInstanceOf(TransactionNotFoundException);
  expect((await select()).records).toEqual([[{ longValue: 1 }]]);
  expect(faults.map(({ kind, what }) => [kind, what])).toEqual([
    ["database-away", "away"],
    ["database-away", "back"],
  ]);
});

test("a pause spares every call", async () => {
  const url = await queue("paused");
  only({ "call-failed": 1 });
  chaos.pause();
  await send(url);
  chaos.resume();
  await failure(send(url));
  expect(faults.map(({ event }) => event)).toEqual([1]);
});
