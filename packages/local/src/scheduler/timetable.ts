import type { Clock } from "../clock.ts";
import { createAgenda } from "./agenda.ts";
import type { Runs } from "./runs.ts";
import { nextRunOf, runsAfter, type Schedule } from "./schedule.ts";
import { keyOf } from "./schedule-keys.ts";
import type { Store } from "./store.ts";

export interface TimetableOptions {
  readonly clock: Clock;
  readonly store: Store;
  /** Where a run goes when its time has come. */
  readonly runs: Runs;
}

/** The next run of every schedule. */
export interface Timetable {
  /** Puts a schedule that is kept now in place of what was planned for it. Runs that have begun go on. */
  plan(schedule: Schedule): void;
  /** Begins the runs of a schedule that is about to be changed whose time has come, and that nobody has begun yet. */
  beginDue(schedule: Schedule): void;
  /**
   * Goes on where the process before this one ended. Runs that it began go on with their retries, and runs that fell due
   * since then are made up for, each of them: had only their target been away, AWS would have retried every one of them
   * until it was too old (`MaximumEventAgeInSeconds`), and so it is here. What is too old goes to the schedule's
   * dead-letter queue, of a recurring schedule the newest hundred of four days, and is dropped when there is none.
   */
  resume(): void;
  /** Forgets what is planned. */
  remove(groupName: string, name: string): void;
  /** When the schedule runs next, in milliseconds since 1970; undefined when it never will. */
  nextRun(groupName: string, name: string): number | undefined;
  close(): void;
}

/** Overdue runs wait this long after a start, so that what they call can start too. */
const resumeDelayMs = 1_000;

/**
 * How long SQS keeps a message unless it is told otherwise: a dead letter from before would be gone by now.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const deadLetterRetentionMs = 4 * 86_400_000;

/** Of a schedule's runs that are too old for their target, the newest so many leave dead letters: not a flood of them. */
const deadLettersAtOnce = 100;

export function createTimetable({ clock, store, runs }: TimetableOptions): Timetable {
  const agenda = createAgenda(clock);
  const planAt = (schedule: Schedule, runMs: number): void => {
    agenda.set(keyOf(schedule.groupName, schedule.name), runMs, () => {
      // A machine that slept wakes up with several runs due.
      for (const dueMs of takeDue(schedule, runMs - 1)) runs.begin(schedule, dueMs);
    });
  };
  /** The runs after `afterMs` whose time has come; plans the one after them in place of what was planned. */
  const takeDue = (schedule: Schedule, afterMs: number): number[] => {
    agenda.delete(keyOf(schedule.groupName, schedule.name));
    const { oldestMs, tooOldMs } = limitsOf(schedule, clock.now());
    const tooOld: number[] = [];
    const due: number[] = [];
    for (const runMs of runsAfter(schedule, Math.max(afterMs, oldestMs))) {
      if (runMs > clock.now()) {
        planAt(schedule, runMs);
        break;
      }
      (runMs < tooOldMs ? tooOld : due).push(runMs);
    }
    return [...tooOld.slice(-deadLettersAtOnce), ...due];
  };
  return {
    beginDue(schedule) {
      const runMs = agenda.timeOf(keyOf(schedule.groupName, schedule.name));
      if (runMs === undefined || runMs > clock.now()) return;
      for (const dueMs of takeDue(schedule, runMs - 1)) runs.begin(schedule, dueMs);
    },
    plan(schedule) {
      const { groupName, name } = schedule;
      agenda.delete(keyOf(groupName, name));
      const runMs = schedule.enabled ? nextRunOf(schedule, store.seenMs(groupName, name)) : undefined;
      if (runMs !== undefined) planAt(schedule, runMs);
    },
    resume() {
      const notBeforeMs = clock.now() + resumeDelayMs;
      const begun = store.allRuns();
      const enabled = [...store.schedules({ enabled: true })];
      const overdue = enabled.flatMap((schedule) =>
        takeDue(schedule, store.seenMs(schedule.groupName, schedule.name)).map((runMs) => ({ schedule, runMs })),
      );
      for (const run of begun) runs.resume(run, notBeforeMs);
      overdue.sort((a, b) => a.runMs - b.runMs);
      for (const { schedule, runMs } of overdue) runs.begin(schedule, runMs, notBeforeMs);
    },
    remove: (groupName, name) => agenda.delete(keyOf(groupName, name)),
    nextRun: (groupName, name) => agenda.timeOf(keyOf(groupName, name)),
    close: () => agenda.close(),
  };
}

/**
 * Of a schedule, at a time: runs before `tooOldMs` cannot be delivered any more; for those up to `oldestMs` there is
 * nothing to be done at all, as nobody would find their dead letters.
 */
function limitsOf(schedule: Schedule, nowMs: number): { oldestMs: number; tooOldMs: number } {
  const windowMs = (schedule.windowMinutes ?? 0) * 60_000;
  const tooOldMs = nowMs - schedule.maximumEventAgeSeconds * 1000 - windowMs;
  // The only run of a one-time schedule is never passed over: it is a job that somebody waits for.
  if (schedule.expression.startsWith("at(")) return { oldestMs: Number.NEGATIVE_INFINITY, tooOldMs };
  return { oldestMs: tooOldMs - 1 - (schedule.deadLetterArn === undefined ? 0 : deadLetterRetentionMs), tooOldMs };
}
