import type * as client from "@aws-sdk/client-scheduler";
import type { Clock } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { HandlerFor } from "../wire/service.ts";
import { isRepeated, recentTokens } from "./client-token.ts";
import { constraints, rules } from "./constraints.ts";
import { pageOf } from "./page.ts";
import { describeSchedule, type Place, readSchedule, type Schedule, summarizeSchedule } from "./schedule.ts";
import type { KeyQuery } from "./schedule-keys.ts";
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
  const deletions = recentTokens();
  const put = async (schedule: Schedule): Promise<{ ScheduleArn: string }> => {
    await store.apply({ kind: "put-schedule", schedule });
    timetable.plan(schedule);
    return { ScheduleArn: schedule.arn };
  };
  return {
    CreateSchedule: (input) =>
      store.exclusively(async () => {
        const before = store.schedule(input.GroupName ?? "default", input.Name);
        if (before && isRepeated(input, before.created)) return { ScheduleArn: before.arn };
        const schedule = readSchedule(input, place, clock.now());
        const group = store.group(schedule.groupName);
        if (!group) throw noGroup(schedule.groupName);
        if (group.deletingMs !== undefined) throw beingDeleted(group.name);
        if (before) throw exists(schedule.name);
        return put(schedule);
      }),
    UpdateSchedule: (input) =>
      store.exclusively(async () => {
        const before = find(store, input);
        if (isRepeated(input, before.updated)) return { ScheduleArn: before.arn };
        const schedule = readSchedule(input, place, clock.now(), before);
        timetable.beginDue(before);
        return put(schedule);
      }),
    GetSchedule: (input) => describeSchedule(find(store, input)),
    DeleteSchedule: (input) =>
      store.exclusively(async () => {
        if (deletions.has(input)) return {};
        const { groupName, name } = find(store, input);
        await store.apply({ kind: "delete-schedule", groupName, name });
        timetable.remove(groupName, name);
        deletions.remember(input);
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
      const { items, nextToken } = pageOf((arn) => store.schedules(queryOf(input, arn)), input);
      return { Schedules: items.map(summarizeSchedule), NextToken: nextToken };
    },
  };
}

function queryOf({ GroupName, NamePrefix, State }: client.ListSchedulesInput, afterArn: string): KeyQuery {
  const [, after] = afterArn.split(":schedule/");
  const enabled = State === undefined ? undefined : State === "ENABLED";
  return { groupName: GroupName, namePrefix: NamePrefix, enabled, after };
}

interface Reference {
  readonly GroupName?: string | undefined;
  readonly Name: string;
  readonly ClientToken?: string | undefined;
}

function find(store: Store, input: Reference): Schedule {
  const all = constraints();
  all.text("name", input.Name, rules.name);
  all.text("groupName", input.GroupName, rules.name);
  all.text("clientToken", input.ClientToken, rules.clientToken);
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

/** AWS's answer to what cannot be done to a group in the state DELETING. */
export function beingDeleted(name: string): AwsError {
  return new AwsError("ConflictException", `Schedule Group ${name} is being deleted.`);
}

function exists(name: string): AwsError {
  return new AwsError("ConflictException", `Schedule ${name} already exists.`);
}
