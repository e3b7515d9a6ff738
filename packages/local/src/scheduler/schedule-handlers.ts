import type * as client from "@aws-sdk/client-scheduler";
import type { Clock } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { HandlerFor } from "../wire/service.ts";
import { constraints, rules } from "./constraints.ts";
import { pageOf } from "./page.ts";
import { describeSchedule, type Place, readSchedule, type Schedule, summarizeSchedule } from "./schedule.ts";
import type { Store } from "./store.ts";
import type { Timetable } from "./timetable.ts";

export interface HandlerOptions {
  readonly clock: Clock;
  readonly place: Place;
  readonly store: Store;
  readonly timetable: Timetable;
}

type ScheduleOperation = "CreateSchedule" | "GetSchedule" | "UpdateSchedule" | "DeleteSchedule" | "ListSchedules";

/** The operations on schedules. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html */
export function scheduleHandlers(options: HandlerOptions): {
  readonly [Name in ScheduleOperation]: HandlerFor<typeof client, Name>;
} {
  const { clock, place, store, timetable } = options;
  const put = async (schedule: Schedule): Promise<{ ScheduleArn: string }> => {
    await store.apply({ kind: "put-schedule", schedule });
    timetable.plan(schedule);
    return { ScheduleArn: schedule.arn };
  };
  return {
    CreateSchedule: (input) =>
      store.exclusively(async () => {
        const schedule = readSchedule(input, place, clock.now());
        if (!store.group(schedule.groupName)) throw noGroup(schedule.groupName);
        const before = store.schedule(schedule.groupName, schedule.name);
        if (!before) return put(schedule);
        if (before.clientToken === undefined || before.clientToken !== input.ClientToken) throw exists(schedule.name);
        return { ScheduleArn: before.arn };
      }),
    UpdateSchedule: (input) =>
      store.exclusively(async () => {
        const before = find(store, input);
        return put(readSchedule(input, place, clock.now(), before));
      }),
    GetSchedule: (input) => describeSchedule(find(store, input)),
    DeleteSchedule: (input) =>
      store.exclusively(async () => {
        const { groupName, name } = find(store, input);
        await store.apply({ kind: "delete-schedule", groupName, name });
        timetable.remove(groupName, name);
        return {};
      }),
    ListSchedules: (input) => {
      const all = constraints();
      all.text("groupName", input.GroupName, rules.name);
      all.text("namePrefix", input.NamePrefix, rules.name);
      all.oneOf("state", input.State, ["ENABLED", "DISABLED"]);
      all.number("maxResults", input.MaxResults, 1, 100);
      all.check();
      if (input.GroupName !== undefined && !store.group(input.GroupName)) throw noGroup(input.GroupName);
      const found = store
        .schedules(input.GroupName)
        .filter(({ name }) => name.startsWith(input.NamePrefix ?? ""))
        .filter(({ enabled }) => input.State === undefined || enabled === (input.State === "ENABLED"));
      const { items, nextToken } = pageOf(found, input);
      return { Schedules: items.map(summarizeSchedule), NextToken: nextToken };
    },
  };
}

function find(store: Store, input: { GroupName?: string | undefined; Name: string }): Schedule {
  const all = constraints();
  all.text("name", input.Name, rules.name);
  all.text("groupName", input.GroupName, rules.name);
  all.check();
  const groupName = input.GroupName ?? "default";
  const schedule = store.schedule(groupName, input.Name);
  if (!store.group(groupName)) throw noGroup(groupName);
  if (!schedule) throw new AwsError("ResourceNotFoundException", `Schedule ${input.Name} does not exist.`);
  return schedule;
}

/** AWS's answer when a group is named that it does not have. */
export function noGroup(name: string): AwsError {
  return new AwsError("ResourceNotFoundException", `Schedule Group ${name} does not exist.`);
}

function exists(name: string): AwsError {
  return new AwsError("ConflictException", `Schedule ${name} already exists.`);
}
