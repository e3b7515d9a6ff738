import pLimit from "p-limit";
import type { Clock } from "../clock.ts";
import { createAgenda } from "./agenda.ts";
import { type AttemptEnd, attemptRun, type Send } from "./delivery.ts";
import { momentOf, type Schedule } from "./schedule.ts";
import { keyOf } from "./schedule-keys.ts";
import type { Run, Store } from "./store.ts";

/** What became of one attempt to run a schedule. */
export interface FireEvent {
  readonly groupName: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly scheduledTimeMs: number;
  /** Counted from 1. */
  readonly attempt: number;
  /**
   * `delivered` to its target; `retried` later; `dead-lettered`, in the schedule's dead-letter queue; or `dropped`,
   * because it has none, or because that did not take it either.
   */
  readonly outcome: AttemptEnd["kind"];
  /** Why it was not delivered. */
  readonly error?: unknown;
}

export interface RunsOptions {
  readonly clock: Clock;
  readonly store: Store;
  readonly send: Send;
  readonly onFire: (event: FireEvent) => void;
  /** Numbers from 0 to less than 1, for flexible windows. */
  readonly random: () => number;
  /** Told of each run that is over. */
  readonly ended: (run: Run) => void;
}

/** The runs that have fallen due: each is attempted until it is over, also by the process after this one. */
export interface Runs {
  /** Begins the run of a schedule for a time that has come; it is attempted at `notBeforeMs` at the earliest. */
  begin(schedule: Schedule, scheduledTimeMs: number, notBeforeMs?: number): void;
  /** Goes on with a run that began in a process before this one. */
  resume(run: Run, notBeforeMs: number): void;
  /** Waits for the calls that are under way; other runs stay as they are. */
  close(): Promise<void>;
}

/** Calls of targets that are under way at once: thousands of runs of one moment must not be thousands of sockets. */
const callsAtOnce = 64;

export function createRuns(options: RunsOptions): Runs {
  const { clock, store } = options;
  const agenda = createAgenda(clock);
  const limit = pLimit(callsAtOnce);
  const working = new Set<Promise<void>>();
  let closed = false;
  const keep = (run: Run): void => {
    store.note({ kind: "put-run", run });
    const key = `${keyOf(run.groupName, run.name)}@${run.scheduledTimeMs}`;
    if (run.dueMs > clock.now()) agenda.set(key, run.dueMs, () => start(run));
    else start(run);
  };
  const start = (run: Run): void => {
    const work = limit(() => attempt(run)).finally(() => working.delete(work));
    working.add(work);
  };
  const attempt = async (run: Run): Promise<void> => {
    const { groupName, name, scheduledTimeMs } = run;
    const schedule = store.schedule(groupName, name);
    if (closed || !schedule || !store.isPending(run)) return;
    const end = await attemptRun(schedule, run, options);
    const attempts = run.attempts + 1;
    const error = end.kind === "delivered" ? undefined : end.error;
    options.onFire({ groupName, name, scheduledTimeMs, attempt: attempts, outcome: end.kind, error });
    // Deleted or disabled meanwhile: there is nothing left that could be retried or be over.
    if (!store.isPending(run)) return;
    if (end.kind === "retried") return keep({ ...run, attempts, dueMs: end.dueMs, failure: end.failure });
    store.note({ kind: "end-run", run: { groupName, name, scheduledTimeMs } });
    options.ended(run);
  };
  return {
    begin(schedule, scheduledTimeMs, notBeforeMs = scheduledTimeMs) {
      const firstMs = momentOf(schedule, scheduledTimeMs, options.random);
      const { groupName, name } = schedule;
      keep({ groupName, name, scheduledTimeMs, firstMs, dueMs: Math.max(firstMs, notBeforeMs), attempts: 0 });
    },
    resume: (run, notBeforeMs) => keep({ ...run, dueMs: Math.max(run.dueMs, notBeforeMs) }),
    async close() {
      closed = true;
      agenda.close();
      await Promise.allSettled(working);
    },
  };
}
