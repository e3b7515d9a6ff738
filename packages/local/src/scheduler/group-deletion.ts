import type { Clock, ClockTimer } from "../clock.ts";
import type { Group, Store } from "./store.ts";

/** The groups that are being deleted. */
export interface GroupDeletions {
  /** Removes a group that is DELETING when its time has come. */
  begin(group: Group): void;
  close(): void;
}

/**
 * How long a group is DELETING. AWS says that it takes until the schedules are deleted, and gives no time. Here they are
 * gone at once; the group stays that long, so that who does not wait for it notices.
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html
 */
export const groupDeletionMs = 5_000;

export function createGroupDeletions({ clock, store }: { clock: Clock; store: Store }): GroupDeletions {
  const timers = new Map<string, ClockTimer>();
  let closed = false;
  const begin = (group: Group): void => {
    const remove = (): void => {
      timers.delete(group.name);
      // A disk that refuses now may not refuse later.
      const again = () => wait(clock.now() + groupDeletionMs);
      void store.exclusively(() => store.apply({ kind: "delete-group", name: group.name })).catch(again);
    };
    const wait = (timeMs: number): void => {
      if (!closed) timers.set(group.name, clock.at(timeMs, remove));
    };
    wait((group.deletingMs ?? clock.now()) + groupDeletionMs);
  };
  for (const group of store.groups()) if (group.deletingMs !== undefined) begin(group);
  return {
    begin,
    close() {
      closed = true;
      for (const timer of timers.values()) timer.cancel();
    },
  };
}
