import { randomUUID } from "node:crypto";
import type { ListMessageMoveTasksResultEntry } from "@aws-sdk/client-sqs";
import { AwsError } from "../wire/aws-error.ts";
import { invalidParameter, invalidValue } from "./errors.ts";
import type { SqsHandlers } from "./handlers.ts";
import type { MoveTask, MoveTaskRunner } from "./move-task.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const maxRate = 500;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html */
const maxListed = 10;

type MoveTaskAction = "StartMessageMoveTask" | "ListMessageMoveTasks" | "CancelMessageMoveTask";

/** What moves dead letters back. */
export function moveTaskActions(queues: Queues, runner: MoveTaskRunner): Pick<SqsHandlers, MoveTaskAction> {
  const starting = new Set<string>();
  return {
    async StartMessageMoveTask({ SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: rate }) {
      const source = findQueue(queues, SourceArn, "SourceArn");
      checkStart(queues, source, DestinationArn, rate);
      if (starting.has(SourceArn) || tasksOf(queues, source).some(({ status }) => status === "RUNNING")) {
        throw invalidParameter(
          "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        );
      }
      const task = newTask(source, DestinationArn, rate, queues.clock.now());
      starting.add(SourceArn);
      try {
        await queues.commit({ kind: "move-task", task });
      } finally {
        starting.delete(SourceArn);
      }
      runner.run(task.id);
      return { TaskHandle: taskHandle(task) };
    },
    ListMessageMoveTasks({ SourceArn, MaxResults = 1 }) {
      const source = findQueue(queues, SourceArn, "SourceArn");
      if (!isWithin(MaxResults, 1, maxListed)) {
        throw invalidValue("MaxResults", MaxResults, `Must be between 1 and ${maxListed}, if provided.`);
      }
      return { Results: tasksOf(queues, source).reverse().slice(0, MaxResults).map(describe) };
    },
    async CancelMessageMoveTask({ TaskHandle }) {
      const { id, sourceArn } = parseTaskHandle(TaskHandle);
      findQueue(queues, sourceArn, "SourceArn");
      const task = queues.moveTasks.get(id);
      if (!task) throw new AwsError("ResourceNotFoundException", "Task does not exist.");
      if (task.status !== "RUNNING") {
        throw new AwsError("UnsupportedOperation", "Only a task that is running can be cancelled.");
      }
      runner.stop(id);
      try {
        await queues.commit({ kind: "move-task", task: { ...task, status: "CANCELLED" } });
      } catch (refused) {
        runner.run(id);
        throw refused;
      }
      return { ApproximateNumberOfMessagesMoved: task.moved };
    },
  };
}

function findQueue(queues: Queues, arn: string, parameter: "SourceArn" | "DestinationArn"): Queue {
  const queue = queues.byArn(arn);
  if (queue) return queue;
  const message = `The resource that you specified for the ${parameter} parameter doesn't exist.`;
  throw new AwsError("ResourceNotFoundException", message);
}

function checkStart(queues: Queues, source: Queue, destinationArn: string | undefined, rate: number | undefined): void {
  if (!queues.all().some(({ settings }) => settings.redrive?.deadLetterArn === source.arn)) {
    throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
  }
  if (rate !== undefined && !isWithin(rate, 1, maxRate)) {
    throw invalidValue("MaxNumberOfMessagesPerSecond", rate, `Must be between 1 and ${maxRate}, if provided.`);
  }
  if (destinationArn === undefined) return;
  const destination = findQueue(queues, destinationArn, "DestinationArn");
  if (destination === source) throw invalidParameter("Source queue and destination queue must not be the same.");
  if (destination.fifo !== source.fifo) {
    throw invalidParameter("Source queue and destination queue must be of the same type.");
  }
}

function newTask(
  source: Queue,
  destinationArn: string | undefined,
  maxPerSecond: number | undefined,
  startedMs: number,
): MoveTask {
  return {
    id: randomUUID(),
    sourceArn: source.arn,
    ...(destinationArn === undefined ? {} : { destinationArn }),
    ...(maxPerSecond === undefined ? {} : { maxPerSecond }),
    toMove: source.counts().visible,
    moved: 0,
    startedMs,
    status: "RUNNING",
  };
}

/** The tasks that are remembered, in the order in which they were started. */
function tasksOf(queues: Queues, source: Queue): MoveTask[] {
  return [...queues.moveTasks.values()].filter(({ sourceArn }) => sourceArn === source.arn);
}

function describe(task: MoveTask): ListMessageMoveTasksResultEntry {
  return {
    TaskHandle: task.status === "RUNNING" ? taskHandle(task) : undefined,
    Status: task.status,
    SourceArn: task.sourceArn,
    DestinationArn: task.destinationArn,
    MaxNumberOfMessagesPerSecond: task.maxPerSecond,
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    FailureReason: task.failureReason,
    StartedTimestamp: task.startedMs,
  };
}

function taskHandle({ id, sourceArn }: MoveTask): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn })).toString("base64");
}

function parseTaskHandle(handle: string): { id: string; sourceArn: string } {
  const content = parseJson(Buffer.from(handle, "base64").toString("utf8"));
  if (typeof content === "object" && content !== null && "taskId" in content && "sourceArn" in content) {
    const { taskId, sourceArn } = content;
    if (typeof taskId === "string" && typeof sourceArn === "string") return { id: taskId, sourceArn };
  }
  throw invalidParameter("Value for parameter TaskHandle is invalid.");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}
