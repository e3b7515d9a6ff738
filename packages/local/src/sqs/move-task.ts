import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { type Message, type StoredMessage, toStored } from "./message.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";

/** The way of a dead-letter queue's messages back to where they came from, or to another queue. */
export interface MoveTask {
  readonly id: string;
  readonly sourceArn: string;
  /** Undefined: each message goes to the queue that gave it up. */
  readonly destinationArn?: string;
  /** Undefined: as fast as it goes. */
  readonly maxPerSecond?: number;
  /** How many messages could be received when the task began; no more are moved. */
  readonly toMove: number;
  readonly moved: number;
  readonly startedMs: number;
  readonly status: "RUNNING" | "COMPLETED" | "CANCELLED" | "FAILED";
  readonly failureReason?: string;
}

/** Keeps running tasks going. */
export interface MoveTaskRunner {
  /** Moves the first message at once, and the others as fast as the task may. */
  run(id: string): void;
  /** Moves no more for this task. */
  stop(id: string): void;
  /** Goes on with the tasks that were running when an earlier process ended. */
  resume(): void;
  close(): void;
}

/** How many messages a task without a rate moves in one turn. */
const messagesPerTurn = 10;

/** Makes the one that moves the messages of all tasks. */
export function moveTaskRunner(queues: Queues): MoveTaskRunner {
  const waiting = new Map<string, () => void>();
  const waitFor = (task: MoveTask): void => {
    if (task.status === "RUNNING")
      waiting.set(
        task.id,
        wait(queues.clock, task.maxPerSecond, () => run(task.id)),
      );
  };
  const run = (id: string): void => {
    waiting.delete(id);
    const task = queues.moveTasks.get(id);
    if (task?.status === "RUNNING") waitFor(moveSome(queues, task));
  };
  return {
    run,
    stop(id) {
      waiting.get(id)?.();
      waiting.delete(id);
    },
    resume() {
      for (const task of queues.moveTasks.values()) waitFor(task);
    },
    close() {
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
    },
  };
}

function wait(clock: Clock, maxPerSecond: number | undefined, then: () => void): () => void {
  if (maxPerSecond === undefined) {
    const soon = setImmediate(then);
    return () => clearImmediate(soon);
  }
  const timer = clock.at(clock.now() + Math.ceil(1_000 / maxPerSecond), then);
  return () => timer.cancel();
}

function moveSome(queues: Queues, task: MoveTask): MoveTask {
  let now = moveOne(queues, task);
  for (let moved = 1; now.status === "RUNNING" && now.maxPerSecond === undefined && moved < messagesPerTurn; moved++) {
    now = moveOne(queues, now);
  }
  return now;
}

/** Moves the next message; the task ends with the last, or when a message has nowhere to go. */
function moveOne(queues: Queues, task: MoveTask): MoveTask {
  const source = queues.byArn(task.sourceArn);
  const message = task.moved < task.toMove ? source?.firstVisible() : undefined;
  if (!source || !message) return end(queues, { ...task, status: "COMPLETED" });
  const targetArn = task.destinationArn ?? message.sourceArn;
  const target = targetArn === undefined ? undefined : queues.byArn(targetArn);
  if (!target) {
    const known = targetArn !== undefined;
    const failureReason = known ? "AWS.SimpleQueueService.NonExistentQueue" : "CouldNotDetermineMessageSource";
    return end(queues, { ...task, status: "FAILED", failureReason });
  }
  const moved = task.moved + 1;
  const after: MoveTask = { ...task, moved, status: moved < task.toMove ? "RUNNING" : "COMPLETED" };
  queues.doNow({
    kind: "moved",
    from: source.name,
    id: message.id,
    queue: target.name,
    message: redriven(message, target, queues.clock.now()),
    task: after,
  });
  return after;
}

function end(queues: Queues, task: MoveTask): MoveTask {
  queues.doNow({ kind: "move-task", task });
  return task;
}

/**
 * The message as it stands in the queue that it was moved to: as a new one, with an id of its own.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
 */
function redriven(message: Message, target: Queue, nowMs: number): StoredMessage {
  const { receipt: _, sourceArn: __, firstReceivedMs: ___, receivedMs: ____, ...stored } = toStored(message);
  return {
    ...stored,
    id: randomUUID(),
    ...(target.fifo ? { sequenceNumber: target.nextSequenceNumber() } : {}),
    sentMs: nowMs,
    enqueuedMs: nowMs,
    receiveCount: 0,
    receivedElsewhere: 0,
    visibleAtMs: nowMs,
  };
}
