import { nextRunOf, type Schedule } from "./schedule.ts";
import type { Store } from "./store.ts";

/**
 * Deletes a schedule after its last run when it asked for that (`ActionAfterCompletion`). One that never ran stays: a
 * one-time schedule whose time was over when it was made.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
 */
export async function deleteIfCompleted(store: Store, groupName: string, name: string): Promise<void> {
  const isOver = (schedule: Schedule | undefined): boolean =>
    schedule?.deleteAfterCompletion === true &&
    schedule.enabled &&
    store.runs(groupName, name).length === 0 &&
    nextRunOf(schedule, store.seenMs(groupName, name)) === undefined;
  if (!isOver(store.schedule(groupName, name))) return;
  await store.exclusively(async () => {
    if (isOver(store.schedule(groupName, name))) await store.apply({ kind: "delete-schedule", groupName, name });
  });
}

/** Whether a schedule had a last run, in this process or in one before it. */
export function hasCompleted(store: Store, schedule: Schedule): boolean {
  const seenMs = store.seenMs(schedule.groupName, schedule.name);
  const once = schedule.expression.startsWith("at(");
  return !once || nextRunOf(schedule, Number.NEGATIVE_INFINITY) === seenMs;
}
