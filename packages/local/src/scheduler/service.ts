import * as client from "@aws-sdk/client-scheduler";
import type { Clock } from "../clock.ts";
import { defineService, type Service } from "../wire/service.ts";
import { deleteIfCompleted, hasCompleted } from "./completion.ts";
import type { Send } from "./delivery.ts";
import { createGroupDeletions } from "./group-deletion.ts";
import { groupHandlers, newGroup } from "./group-handlers.ts";
import { createRuns, type FireEvent } from "./runs.ts";
import { scheduleHandlers } from "./schedule-handlers.ts";
import { openStore } from "./store.ts";
import { createTimetable } from "./timetable.ts";

export type { Send } from "./delivery.ts";
export type { FireEvent } from "./runs.ts";

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
  /** Numbers from 0 to less than 1: where in its flexible window a run happens. Default: `Math.random`. */
  readonly random?: () => number;
}

/** EventBridge Scheduler on this machine. */
export interface Scheduler {
  readonly service: Service;
  /** When a schedule runs next, in milliseconds since 1970; undefined when it is not there or never will. */
  nextRun(groupName: string, name: string): number | undefined;
  /** Stops all schedules; waits for calls that are under way. Retries go on when it is opened again. */
  close(): Promise<void>;
}

/**
 * Opens EventBridge Scheduler: groups, schedules, and the runs of those whose target is an SQS queue or SQS's
 * SendMessage as a universal target. Roles and keys are kept, and never asked.
 *
 * What it acknowledged outlives it, and so does a run that has begun: one that waits for a retry goes on, and runs that
 * fell due while nothing was open are made up for as far as their retry policy's age allows. A run that its target took
 * is over; only when the process is killed between that and the line in the journal it comes twice, as AWS's may.
 */
export async function openScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { clock, send, onFire = () => {}, random = Math.random } = options;
  const store = await openStore(options.dir);
  const complete = (groupName: string, name: string): void =>
    // A schedule that the disk does not let go is deleted at the next start.
    void deleteIfCompleted(store, groupName, name).catch(() => {});
  const ended = ({ groupName, name }: { groupName: string; name: string }): void => complete(groupName, name);
  const runs = createRuns({ clock, store, send, onFire, random, ended });
  const timetable = createTimetable({ clock, store, runs });
  const deletions = createGroupDeletions({ clock, store });
  const place = { region: options.region, accountId: options.accountId };
  if (!store.group("default")) await store.apply({ kind: "put-group", group: newGroup("default", place, clock.now()) });
  timetable.resume();
  for (const schedule of [...store.schedules()]) {
    if (schedule.deleteAfterCompletion && hasCompleted(store, schedule)) complete(schedule.groupName, schedule.name);
  }
  const handling = { clock, place, store, timetable };
  return {
    service: defineService({
      client,
      protocol: "restJson1",
      handlers: { ...scheduleHandlers(handling), ...groupHandlers({ ...handling, deletions }) },
    }),
    nextRun: (groupName, name) => timetable.nextRun(groupName, name),
    async close() {
      timetable.close();
      deletions.close();
      await runs.close();
      await store.close();
    },
  };
}
