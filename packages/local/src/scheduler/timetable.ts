import type { Clock, ClockTimer } from "../clock.ts";
import { firstRunAfter, nextRunOf, type Schedule } from "./schedule.ts";
import { keyOf } from "./store.ts";

export interface TimetableOptions {
  readonly clock: Clock;
  /** Runs a schedule once; resolves when that run is over, or was abandoned because the timetable closes. */
  readonly run: (schedule: Schedule, scheduledTimeMs: number) => Promise<"over" | "abandoned">;
  /** Told after the last run of a schedule is over. What it rejects with is ignored: the schedule then is resumed. */
  readonly completed: (schedule: Schedule) => Promise<void>;
}

/** The next run of every schedule, each on a timer of its own. */
export interface Timetable {
  /** Puts a schedule that was made or changed just now in place of what was planned for it. */
  plan(schedule: Schedule): void;
  /** Plans a schedule that was there before this process. */
  resume(schedule: Schedule): void;
  /** Forgets what is planned. A run that has begun goes on. */
  remove(groupName: string, name: string): void;
  /** When the schedule runs next, in milliseconds since 1970; undefined when it never will. */
  nextRun(groupName: string, name: string): number | undefined;
  /** Stops all timers and waits for the runs that have begun. */
  close(): Promise<void>;
}

/** An overdue schedule waits this long after a start, so that what it calls can start too. */
const resumeDelayMs = 1_000;

export function createTimetable(options: TimetableOptions): Timetable {
  const { clock } = options;
  const planned = new Map<string, { runMs: number; timer: ClockTimer }>();
  const running = new Set<Promise<void>>();
  const remove = (key: string): void => {
    planned.get(key)?.timer.cancel();
    planned.delete(key);
  };
  const planAt = (schedule: Schedule, runMs: number, dueMs = runMs): void => {
    const key = keyOf(schedule.groupName, schedule.name);
    planned.set(key, { runMs, timer: clock.at(dueMs, () => fire(schedule, key, runMs)) });
  };
  const planAfter = (schedule: Schedule, afterMs: number): boolean => {
    const runMs = nextRunOf(schedule, afterMs);
    if (runMs !== undefined) planAt(schedule, runMs);
    return runMs !== undefined;
  };
  const fire = (schedule: Schedule, key: string, runMs: number): void => {
    planned.delete(key);
    // A machine that slept wakes up with one overdue run, not with all it has missed.
    const goesOn = planAfter(schedule, Math.max(runMs, clock.now()));
    const run = options
      .run(schedule, runMs)
      .then((end) => (end === "over" && !goesOn ? options.completed(schedule) : undefined))
      .catch(() => {})
      .finally(() => running.delete(run));
    running.add(run);
  };
  const active = (schedule: Schedule): boolean => schedule.enabled && !schedule.completed;
  return {
    plan(schedule) {
      remove(keyOf(schedule.groupName, schedule.name));
      if (active(schedule)) planAfter(schedule, firstRunAfter(schedule));
    },
    resume(schedule) {
      if (!active(schedule)) return;
      // Runs that fell due while the process was off are not made up for, but for a one-time schedule, whose only run
      // would be lost. A run that was waiting for a retry when the process ended is lost too.
      const onceMs = schedule.expression.startsWith("at(") ? nextRunOf(schedule, Number.MIN_SAFE_INTEGER) : undefined;
      if (onceMs !== undefined) planAt(schedule, onceMs, Math.max(onceMs, clock.now() + resumeDelayMs));
      else if (!planAfter(schedule, clock.now())) void options.completed(schedule).catch(() => {});
    },
    remove: (groupName, name) => remove(keyOf(groupName, name)),
    nextRun: (groupName, name) => planned.get(keyOf(groupName, name))?.runMs,
    async close() {
      for (const key of [...planned.keys()]) remove(key);
      await Promise.allSettled(running);
    },
  };
}
