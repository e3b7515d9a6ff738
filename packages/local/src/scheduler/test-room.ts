/** A Scheduler over the wire with the SDK's client, a clock to move, and a list for a queue: what its tests share. */
import { randomUUID } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  SchedulerClient,
} from "@aws-sdk/client-scheduler";
import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import { afterEach } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import { type FireEvent, openScheduler, type Scheduler } from "./service.ts";

export const utc = (text: string): number => Date.parse(`${text}Z`);
export const minutes = (count: number): number => count * 60_000;
export const hours = (count: number): number => count * 3_600_000;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export interface Room {
  clock: VirtualClock;
  scheduler: Scheduler;
  client: SchedulerClient;
  /** What was sent, with the time on the clock. */
  sent: { at: string; message: SendMessageRequest }[];
  events: FireEvent[];
  /** Closes it as the end of a process does, for a test of what is there afterwards. */
  close(): Promise<void>;
}

export interface RoomOptions {
  start?: string;
  dir?: string;
  /** Takes a message or rejects, in place of a queue that takes all. */
  queue?: (message: SendMessageRequest, count: number) => void;
  random?: () => number;
}

export async function open({
  start = "2026-11-20T10:00:30",
  dir,
  queue = () => {},
  random,
}: RoomOptions = {}): Promise<Room> {
  const clock = virtualClock(utc(start));
  const sent: Room["sent"] = [];
  const events: FireEvent[] = [];
  let count = 0;
  const scheduler = await openScheduler({
    clock,
    region: "us-east-1",
    accountId: "000000000000",
    ...(dir === undefined ? {} : { dir }),
    ...(random === undefined ? {} : { random }),
    send: async (message) => {
      count += 1;
      queue(message, count);
      sent.push({ at: new Date(clock.now()).toISOString().slice(0, 19), message });
    },
    onFire: (event) => events.push(event),
  });
  const server = await listen([scheduler.service], { port: 0 });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SchedulerClient({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    client.destroy();
    await server.close();
    await scheduler.close();
  };
  cleanups.push(close);
  return { clock, scheduler, client, sent, events, close };
}

export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "scheduler-"));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/**
 * What `kill -9` leaves on the disk of a room that is open: all that was acknowledged, and the runs' steps that were
 * taken before.
 */
export async function killed(room: Room, dir: string): Promise<string> {
  // Steps of runs are kept in the order in which they are taken, before what is acknowledged after them.
  await room.client.send(new CreateScheduleGroupCommand({ Name: `last-words-${randomUUID()}` }));
  const copy = await temporaryFolder();
  await cp(dir, copy, { recursive: true });
  return copy;
}

/** A queue that is away: every message for it is refused, in a way that a retry may mend. */
export const away = (message: SendMessageRequest): void => {
  if (message.QueueUrl?.endsWith("/jobs")) throw new Error("The queue is away.");
};

export const roleArn = "arn:aws:iam::000000000000:role/scheduler";
export const queueTarget = { Arn: "arn:aws:sqs:us-east-1:000000000000:jobs", RoleArn: roleArn };
export const deadLetterArn = "arn:aws:sqs:us-east-1:000000000000:undelivered";

export function input(changes: Partial<CreateScheduleCommandInput> = {}): CreateScheduleCommandInput {
  return {
    Name: "backup",
    ScheduleExpression: "cron(0 * * * ? *)",
    FlexibleTimeWindow: { Mode: "OFF" },
    Target: queueTarget,
    ...changes,
  };
}

export const create = (room: Room, changes: Partial<CreateScheduleCommandInput> = {}) =>
  room.client.send(new CreateScheduleCommand(input(changes)));

export const refusal = async (call: Promise<unknown>): Promise<{ name: string; message: string; status: unknown }> =>
  call.then(
    () => {
      throw new Error("It was accepted.");
    },
    (error) => ({ name: error.name, message: error.message, status: error.$metadata.httpStatusCode }),
  );

export const times = (room: Room): string[] => room.sent.map(({ at }) => at);

/** What targets took: the time that it was scheduled for, and the schedule. */
export const runs = ({ events }: Room): string[] =>
  events
    .filter(({ outcome }) => outcome === "delivered")
    .map(({ scheduledTimeMs, name }) => `${new Date(scheduledTimeMs).toISOString().slice(11, 16)} ${name}`);
