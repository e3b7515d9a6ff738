import { join } from "node:path";
import { type Journal, openJournal } from "../journal.ts";
import { refusedByDisk } from "../wire/disk-refusal.ts";
import type { ClientToken } from "./client-token.ts";
import { firstRunAfter, type Schedule } from "./schedule.ts";
import { type KeyQuery, keyOf, ScheduleKeys } from "./schedule-keys.ts";

/** A schedule group as it is kept; times in milliseconds since 1970. */
export interface Group {
  readonly arn: string;
  readonly name: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  /** The request that created it. */
  readonly created?: ClientToken | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** When its deletion began: it has no schedules any more, takes no new ones, and is gone soon. */
  readonly deletingMs?: number | undefined;
}

/** One run of a schedule that has fallen due and is not over; times in milliseconds since 1970. */
export interface Run {
  readonly groupName: string;
  readonly name: string;
  /** The time that the schedule names. */
  readonly scheduledTimeMs: number;
  /** When it was to be attempted first: the scheduled time, or a moment of the flexible window. Its age counts from here. */
  readonly firstMs: number;
  /** When it is attempted next. */
  readonly dueMs: number;
  /** How often it has been attempted. */
  readonly attempts: number;
  /** What the last attempt failed with. */
  readonly failure?: RunFailure | undefined;
}

/** Why an attempt failed, in what its dead letter will say. */
export interface RunFailure {
  readonly code: string;
  readonly message: string;
}

/** One change of what users asked to be kept. A group that is being deleted, or is, has no schedules. */
export type Change =
  | { readonly kind: "put-group"; readonly group: Group }
  | { readonly kind: "delete-group"; readonly name: string }
  | { readonly kind: "put-schedule"; readonly schedule: Schedule; readonly seenMs?: number }
  | { readonly kind: "delete-schedule"; readonly groupName: string; readonly name: string };

/** One step of a run. A schedule that is deleted or disabled has no runs. */
export type Progress =
  | { readonly kind: "put-run"; readonly run: Run }
  | { readonly kind: "end-run"; readonly run: RunId };

type RunId = Pick<Run, "groupName" | "name" | "scheduledTimeMs">;

/** Groups, schedules and their runs, in memory and in a file. */
export interface Store {
  group(name: string): Group | undefined;
  groups(): Group[];
  schedule(groupName: string, name: string): Schedule | undefined;
  /** Those that are asked for, in the order of their keys. Nothing may change while they are taken. */
  schedules(query?: KeyQuery): Iterable<Schedule>;
  /** No run of the schedule up to this time is to begin any more; it has begun, or never will. */
  seenMs(groupName: string, name: string): number;
  /** The runs that have begun and are not over: of a schedule, or all of them. */
  runs(groupName: string, name: string): Run[];
  allRuns(): Run[];
  /** Whether the run is as it stands here: not over, not gone with its schedule. */
  isPending(run: Run): boolean;
  /** Resolves when the change is kept; rejects, with nothing changed, when the disk refuses it. */
  apply(change: Change): Promise<void>;
  /**
   * Takes a step at once and keeps it as soon as the disk does. When the process is killed before that, the step is
   * taken again after a restart: a run is delivered at least once, as AWS says of its own.
   */
  note(progress: Progress): void;
  /** Runs `task` when all that came before have ended: what it reads stays true until it ends. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result>;
  /** Resolves when all that was noted is kept. */
  close(): Promise<void>;
}

/** Opens the store in a folder, or in memory only when `dir` is undefined. */
export async function openStore(dir: string | undefined): Promise<Store> {
  const state: State = { groups: new Map(), schedules: new Map(), keys: new ScheduleKeys() };
  const load = (record: Change | Progress): void => applyTo(state, record);
  const journal: Journal<Change | Progress> | undefined =
    dir === undefined
      ? undefined
      : await openJournal({ file: join(dir, "schedules.jsonl"), load, snapshot: () => [...snapshotOf(state)] });
  const kept = (groupName: string, name: string) => state.schedules.get(keyOf(groupName, name));
  let last: Promise<unknown> = Promise.resolve();
  return {
    group: (name) => state.groups.get(name),
    groups: () => [...state.groups.values()],
    schedule: (groupName, name) => kept(groupName, name)?.schedule,
    schedules: (query = {}) => schedulesOf(state, query),
    seenMs: (groupName, name) => kept(groupName, name)?.seenMs ?? Number.NEGATIVE_INFINITY,
    runs: (groupName, name) => [...(kept(groupName, name)?.runs.values() ?? [])],
    allRuns: () => [...state.schedules.values()].flatMap(({ runs }) => [...runs.values()]),
    isPending: (run) => kept(run.groupName, run.name)?.runs.get(run.scheduledTimeMs) === run,
    async apply(change) {
      await journal?.append(change).catch(refusedByDisk);
      load(change);
    },
    note(progress) {
      load(progress);
      journal?.note(progress);
    },
    exclusively(task) {
      const result = last.then(task);
      last = result.catch(() => {});
      return result;
    },
    close: async () => journal?.close(),
  };
}

interface State {
  readonly groups: Map<string, Group>;
  readonly schedules: Map<string, { schedule: Schedule; seenMs: number; runs: Map<number, Run> }>;
  readonly keys: ScheduleKeys;
}

function* schedulesOf({ schedules, keys }: State, query: KeyQuery): Generator<Schedule> {
  for (const key of keys.find(query)) {
    const kept = schedules.get(key);
    if (kept) yield kept.schedule;
  }
}

function applyTo(state: State, record: Change | Progress): void {
  const { groups, schedules, keys } = state;
  switch (record.kind) {
    case "put-group":
      groups.set(record.group.name, record.group);
      if (record.group.deletingMs !== undefined) deleteSchedules(state, record.group.name);
      break;
    case "delete-group":
      groups.delete(record.name);
      deleteSchedules(state, record.name);
      break;
    case "put-schedule": {
      const { schedule } = record;
      const key = keyOf(schedule.groupName, schedule.name);
      const before = schedules.get(key);
      const seenMs = record.seenMs ?? firstRunAfter(schedule, before?.seenMs);
      schedules.set(key, { schedule, seenMs, runs: (schedule.enabled && before?.runs) || noRuns() });
      keys.put(key, schedule.enabled);
      break;
    }
    case "delete-schedule":
      deleteSchedule(state, keyOf(record.groupName, record.name));
      break;
    case "put-run": {
      const kept = schedules.get(keyOf(record.run.groupName, record.run.name));
      // It began while its schedule was being deleted or disabled.
      if (!kept?.schedule.enabled) break;
      kept.runs.set(record.run.scheduledTimeMs, record.run);
      kept.seenMs = Math.max(kept.seenMs, record.run.scheduledTimeMs);
      break;
    }
    case "end-run":
      schedules.get(keyOf(record.run.groupName, record.run.name))?.runs.delete(record.run.scheduledTimeMs);
      break;
  }
}

const noRuns = (): Map<number, Run> => new Map();

function deleteSchedules(state: State, groupName: string): void {
  for (const key of [...state.keys.find({ groupName })]) deleteSchedule(state, key);
}

function deleteSchedule({ schedules, keys }: State, key: string): void {
  schedules.delete(key);
  keys.delete(key);
}

function* snapshotOf({ groups, schedules }: State): Generator<Change | Progress> {
  for (const group of groups.values()) yield { kind: "put-group", group };
  for (const { schedule, seenMs, runs } of schedules.values()) {
    yield { kind: "put-schedule", schedule, seenMs };
    for (const run of runs.values()) yield { kind: "put-run", run };
  }
}
