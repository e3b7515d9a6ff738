import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import { CreateScheduleCommand, DeleteScheduleCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  PurgeQueueCommand,
  SendMessageBatchCommand,
  TagQueueCommand,
} from "@aws-sdk/client-sqs";
import type { AwsClients } from "../aws-process.ts";
import type { Random } from "../random.ts";
import { type Answer, call } from "./call.ts";

/** What may stand under each name: one value when all calls were answered, several when the last one was cut off. */
export type Possible<T> = Map<string, readonly (T | "nothing")[]>;

/** What clients were told of everything but messages of the common queues. */
export interface StateBook {
  /** Descriptions of schedules, by name. */
  readonly schedules: Possible<string>;
  /** Rows of the table `kept`, by id. */
  readonly rows: Possible<"row">;
  /** How many messages queues of their own hold, and their tag, by queue name. */
  readonly queues: Possible<{ readonly messages: number; readonly tag: string | undefined }>;
}

export interface StateLoad {
  readonly clients: AwsClients;
  readonly book: StateBook;
  readonly random: Random;
  /** Unique among all loads ever; names begin with it. */
  readonly name: string;
  readonly stopped: () => boolean;
  readonly unexpected: (what: string) => void;
}

/** The Data API's cluster: any will do. */
export const cluster = {
  resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
};

/** Makes, changes and deletes schedules until it is stopped. None of them fires. */
export async function scheduleLoad(load: StateLoad): Promise<void> {
  const { random } = load;
  const { scheduler } = load.clients;
  for (let number = 0; !load.stopped(); number++) {
    const Name = `${load.name}-${random.between(0, 30)}`;
    const there = load.book.schedules.get(Name)?.[0] ?? "nothing";
    const Description = `as of ${load.name}.${number}`;
    const schedule = {
      Name,
      Description,
      ScheduleExpression: "at(2049-01-01T00:00:00)",
      FlexibleTimeWindow: { Mode: "OFF" as const },
      Target: {
        Arn: "arn:aws:sqs:us-east-1:000000000000:standard",
        RoleArn: "arn:aws:iam::000000000000:role/any",
        Input: "x",
      },
    };
    if (there === "nothing")
      await change(load, load.book.schedules, Name, Description, () =>
        scheduler.send(new CreateScheduleCommand(schedule)),
      );
    else if (random.chance(0.4))
      await change(load, load.book.schedules, Name, "nothing", () =>
        scheduler.send(new DeleteScheduleCommand({ Name })),
      );
    else
      await change(load, load.book.schedules, Name, Description, () =>
        scheduler.send(new UpdateScheduleCommand(schedule)),
      );
  }
}

/** Inserts rows until it is stopped. */
export async function rowLoad(load: StateLoad): Promise<void> {
  for (let number = 0; !load.stopped(); number++) {
    const id = `${load.name}-${number}`;
    const sql = `insert into kept (id) values ('${id}')`;
    await change(load, load.book.rows, id, "row", () =>
      load.clients.rdsData.send(new ExecuteStatementCommand({ ...cluster, sql })),
    );
  }
}

/** Makes queues, fills, tags, purges and deletes them until it is stopped. */
export async function queueLoad(load: StateLoad): Promise<void> {
  const { random } = load;
  const { sqs } = load.clients;
  for (let number = 0; !load.stopped(); number++) {
    const QueueName = `${load.name}-${number}`;
    const { queues } = load.book;
    const created = await call(() => sqs.send(new CreateQueueCommand({ QueueName })));
    queues.set(
      QueueName,
      created.kind === "acknowledged"
        ? [{ messages: 0, tag: undefined }]
        : [{ messages: 0, tag: undefined }, "nothing"],
    );
    if (created.kind !== "acknowledged") return refused(load, created);
    const { QueueUrl } = created.value;
    const fill = async (tag: string | undefined) => {
      if (load.stopped()) return;
      // A batch that is cut off may be kept in part.
      queues.set(
        QueueName,
        [0, 1, 2, 3, 4].map((messages) => ({ messages, tag })),
      );
      await change(load, queues, QueueName, { messages: 5, tag }, () => sendFive(sqs, QueueUrl));
    };
    await fill(undefined);
    await change(load, queues, QueueName, { messages: 5, tag: QueueName }, () =>
      sqs.send(new TagQueueCommand({ QueueUrl, Tags: { of: QueueName } })),
    );
    await change(load, queues, QueueName, { messages: 0, tag: QueueName }, () =>
      sqs.send(new PurgeQueueCommand({ QueueUrl })),
    );
    await fill(QueueName);
    if (random.chance(0.8))
      await change(load, queues, QueueName, "nothing", () => sqs.send(new DeleteQueueCommand({ QueueUrl })));
  }
}

function sendFive(sqs: AwsClients["sqs"], QueueUrl: string | undefined): Promise<unknown> {
  const Entries = [0, 1, 2, 3, 4].map((Id) => ({ Id: String(Id), MessageBody: `of a queue of its own, ${Id}` }));
  return sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
}

/** Makes a call after which `value` stands under `key`; what is so is written down, and in doubt when it was cut off. */
async function change<T>(
  load: StateLoad,
  book: Possible<T>,
  key: string,
  value: T | "nothing",
  send: () => Promise<unknown>,
): Promise<void> {
  if (load.stopped()) return;
  const before = book.get(key) ?? ["nothing" as const];
  book.set(key, [...before, value]);
  const answer = await call(send);
  if (answer.kind === "acknowledged") book.set(key, [value]);
  else refused(load, answer);
}

function refused(load: StateLoad, answer: Answer<unknown>): void {
  if (answer.kind === "refused") load.unexpected(`a call was refused: ${answer.error.name}: ${answer.error.message}`);
}
