import * as client from "@aws-sdk/client-scheduler";
import type { Clock } from "../clock.ts";
import { defineService, type Service } from "../wire/service.ts";
import { deliver, type FireEvent, type Send } from "./delivery.ts";
import { groupHandlers, newGroup } from "./group-handlers.ts";
import type { Schedule } from "./schedule.ts";
import { scheduleHandlers } from "./schedule-handlers.ts";
import { openStore, type Store } from "./store.ts";
import { createTimetable } from "./timetable.ts";

export type { FireEvent, Send } from "./delivery.ts";

export interface SchedulerOptions {
  /** All time is taken from it. */
  readonly clock: Clock;
  readonly region: string;
  /** Twelve digits. */
  readonly accountId: string;
  /** The folder that keeps groups and schedules; in memory only when absent. */
  readonly dir?: string;
  /** Does what a schedule's target does. A templated target's queue URL is the one that AWS would have. */
  readonly send: Send;
  /** Told of every attempt to run a schedule. Default: nothing is said. */
  readonly onFire?: (event: FireEvent) => void;
}

/** EventBridge Scheduler on this machine. */
export interface Scheduler {
  readonly service: Service;
  /** When a schedule runs next, in milliseconds since 1970; undefined when it is not there or never will. */
  nextRun(groupName: string, name: string): number | undefined;
  /** Stops all schedules; waits for calls that are under way, not for retries. */
  close(): Promise<void>;
}

/**
 * Opens EventBridge Scheduler: groups, schedules, and the runs of those whose target is an SQS queue or SQS's
 * SendMessage as a universal target.
 *
 * A flexible time window is kept, and every run is at its beginning. Roles and keys are kept, and never asked.
 */
export async function openScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { clock, send, onFire = () => {} } = options;
  const store = await openStore(options.dir);
  const closing = new AbortController();
  const timetable = createTimetable({
    clock,
    run: (schedule, scheduledTimeMs) =>
      deliver(schedule, scheduledTimeMs, { clock, send, onFire, signal: closing.signal }),
    completed: (schedule) => complete(store, schedule),
  });
  const place = { region: options.region, accountId: options.accountId };
  if (!store.group("default")) await store.apply({ kind: "put-group", group: newGroup("default", place, clock.now()) });
  for (const schedule of store.schedules()) timetable.resume(schedule);
  const handling = { clock, place, store, timetable };
  return {
    service: defineService({
      client,
      protocol: "restJson1",
      handlers: { ...scheduleHandlers(handling), ...groupHandlers(handling) },
    }),
    nextRun: (groupName, name) => timetable.nextRun(groupName, name),
    async close() {
      closing.abort();
      await timetable.close();
      await store.close();
    },
  };
}

/** After a schedule's last run: deleted when it asked for that, else kept as done. Not when it was changed meanwhile. */
function complete(store: Store, schedule: Schedule): Promise<void> {
  const { groupName, name } = schedule;
  return store.exclusively(async () => {
    if (store.schedule(groupName, name) !== schedule) return;
    if (schedule.deleteAfterCompletion) await store.apply({ kind: "delete-schedule", groupName, name });
    else await store.apply({ kind: "put-schedule", schedule: { ...schedule, completed: true } });
  });
}
