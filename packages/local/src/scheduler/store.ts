import { join } from "node:path";
import { type Journal, openJournal } from "../journal.ts";
import type { Schedule } from "./schedule.ts";

/** A schedule group as it is kept; times in milliseconds since 1970. */
export interface Group {
  readonly arn: string;
  readonly name: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly clientToken?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** One change of what is kept. Deleting a group deletes its schedules. */
export type Change =
  | { readonly kind: "put-group"; readonly group: Group }
  | { readonly kind: "delete-group"; readonly name: string }
  | { readonly kind: "put-schedule"; readonly schedule: Schedule }
  | { readonly kind: "delete-schedule"; readonly groupName: string; readonly name: string };

/** Groups and schedules, in memory and in a file. */
export interface Store {
  group(name: string): Group | undefined;
  groups(): Group[];
  schedule(groupName: string, name: string): Schedule | undefined;
  /** All of them, or a group's. */
  schedules(groupName?: string): Schedule[];
  /** Resolves when the change is kept; rejects, with nothing changed, when the disk refuses it. */
  apply(change: Change): Promise<void>;
  /** Runs `task` when all that came before have ended: what it reads stays true until it ends. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Opens the store in a folder, or in memory only when `dir` is undefined. */
export async function openStore(dir: string | undefined): Promise<Store> {
  const groups = new Map<string, Group>();
  const schedules = new Map<string, Schedule>();
  const load = (change: Change): void => applyTo(groups, schedules, change);
  const journal: Journal<Change> | undefined =
    dir === undefined
      ? undefined
      : await openJournal({
          file: join(dir, "schedules.jsonl"),
          load,
          snapshot: () => [
            ...[...groups.values()].map((group): Change => ({ kind: "put-group", group })),
            ...[...schedules.values()].map((schedule): Change => ({ kind: "put-schedule", schedule })),
          ],
        });
  let last: Promise<unknown> = Promise.resolve();
  return {
    group: (name) => groups.get(name),
    groups: () => [...groups.values()],
    schedule: (groupName, name) => schedules.get(keyOf(groupName, name)),
    schedules: (groupName) =>
      [...schedules.values()].filter((schedule) => groupName === undefined || schedule.groupName === groupName),
    async apply(change) {
      await journal?.append(change);
      load(change);
    },
    exclusively(task) {
      const result = last.then(task);
      last = result.catch(() => {});
      return result;
    },
    close: async () => journal?.close(),
  };
}

/** A schedule's name is unique within its group; neither can hold a slash. */
export const keyOf = (groupName: string, name: string): string => `${groupName}/${name}`;

function applyTo(groups: Map<string, Group>, schedules: Map<string, Schedule>, change: Change): void {
  switch (change.kind) {
    case "put-group":
      groups.set(change.group.name, change.group);
      break;
    case "delete-group":
      groups.delete(change.name);
      for (const [key, schedule] of schedules) if (schedule.groupName === change.name) schedules.delete(key);
      break;
    case "put-schedule":
      schedules.set(keyOf(change.schedule.groupName, change.schedule.name), change.schedule);
      break;
    case "delete-schedule":
      schedules.delete(keyOf(change.groupName, change.name));
      break;
  }
}
