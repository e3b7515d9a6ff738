import type * as client from "@aws-sdk/client-scheduler";
import { AwsError } from "../wire/aws-error.ts";
import type { HandlerFor } from "../wire/service.ts";
import { isRepeated, recentTokens, tokenOf } from "./client-token.ts";
import { constraints, invalid, rules } from "./constraints.ts";
import type { GroupDeletions } from "./group-deletion.ts";
import { pageOf } from "./page.ts";
import type { Place } from "./schedule.ts";
import { beingDeleted, type HandlerOptions, noGroup } from "./schedule-handlers.ts";
import type { Group, Store } from "./store.ts";

type GroupOperation =
  | "CreateScheduleGroup"
  | "GetScheduleGroup"
  | "DeleteScheduleGroup"
  | "ListScheduleGroups"
  | "TagResource"
  | "UntagResource"
  | "ListTagsForResource";

type Tags = Readonly<Record<string, string>>;

/** A new group without schedules. */
export function newGroup(name: string, place: Place, nowMs: number): Group {
  const arn = `arn:aws:scheduler:${place.region}:${place.accountId}:schedule-group/${name}`;
  return { arn, name, createdMs: nowMs, modifiedMs: nowMs, tags: {} };
}

/**
 * The operations on schedule groups and their tags.
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html
 */
export function groupHandlers(options: HandlerOptions & { readonly deletions: GroupDeletions }): {
  readonly [Name in GroupOperation]: HandlerFor<typeof client, Name>;
} {
  const { clock, place, store, timetable, deletions } = options;
  const deleted = recentTokens();
  const retag = (arn: string, change: (tags: Tags) => Tags) =>
    store.exclusively(async () => {
      const group = findByArn(store, arn);
      if (group.deletingMs !== undefined) throw beingDeleted(group.name);
      const tags = change(group.tags);
      checkCount(tags);
      await store.apply({ kind: "put-group", group: { ...group, tags } });
      return {};
    });
  return {
    CreateScheduleGroup: (input) =>
      store.exclusively(async () => {
        checkName(input.Name, input.ClientToken);
        const tags = readTags(input.Tags ?? []);
        checkCount(tags);
        const before = store.group(input.Name);
        if (before?.deletingMs !== undefined) throw beingDeleted(before.name);
        if (before && isRepeated(input, before.created)) return { ScheduleGroupArn: before.arn };
        if (before) throw exists(input.Name);
        const group = { ...newGroup(input.Name, place, clock.now()), created: tokenOf(input), tags };
        await store.apply({ kind: "put-group", group });
        return { ScheduleGroupArn: group.arn };
      }),
    GetScheduleGroup: (input) => describe(find(store, input.Name)),
    DeleteScheduleGroup: (input) =>
      store.exclusively(async () => {
        if (deleted.has(input)) return {};
        checkName(input.Name, input.ClientToken);
        const group = find(store, input.Name);
        const { name } = group;
        if (name === "default") throw invalid("The default schedule group cannot be deleted.");
        if (group.deletingMs !== undefined) throw beingDeleted(name);
        const names = Array.from(store.schedules({ groupName: name }), (schedule) => schedule.name);
        const nowMs = clock.now();
        const deleting = { ...group, modifiedMs: nowMs, deletingMs: nowMs };
        await store.apply({ kind: "put-group", group: deleting });
        for (const each of names) timetable.remove(name, each);
        deletions.begin(deleting);
        deleted.remember(input);
        return {};
      }),
    ListScheduleGroups: (input) => {
      const all = constraints();
      all.text("namePrefix", input.NamePrefix, rules.name);
      all.number("maxResults", input.MaxResults, 1, 100);
      all.check();
      const found = store.groups().filter(({ name }) => name.startsWith(input.NamePrefix ?? ""));
      const { items, nextToken } = pageOf((arn) => found.filter((group) => group.arn > arn).sort(byArn), input);
      return { ScheduleGroups: items.map(describe), NextToken: nextToken };
    },
    TagResource: (input) => retag(input.ResourceArn, (tags) => ({ ...tags, ...readTags(input.Tags) })),
    UntagResource: (input) =>
      retag(input.ResourceArn, (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !input.TagKeys.includes(key))),
      ),
    ListTagsForResource: (input) => {
      const { tags } = findByArn(store, input.ResourceArn);
      return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
}

/** https://docs.aws.amazon.com/scheduler/latest/APIReference/API_TagResource.html */
const maxTags = 200;

function readTags(tags: readonly { Key: string; Value: string }[]): Tags {
  const all = constraints();
  tags.forEach((tag, index) => {
    all.text(`tags.${index + 1}.member.key`, tag.Key, rules.tagKey);
    all.text(`tags.${index + 1}.member.value`, tag.Value, rules.tagValue);
  });
  all.check();
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

function checkCount(tags: Tags): void {
  if (Object.keys(tags).length > maxTags) throw invalid(`A schedule group must not have more than ${maxTags} tags.`);
}

function checkName(name: string, clientToken?: string): void {
  const all = constraints();
  all.text("name", name, rules.name);
  all.text("clientToken", clientToken, rules.clientToken);
  all.check();
}

function find(store: Store, name: string): Group {
  checkName(name);
  const group = store.group(name);
  if (!group) throw noGroup(name);
  return group;
}

function findByArn(store: Store, arn: string): Group {
  const name = /^arn:aws[a-z-]*:scheduler:[^:]*:\d{12}:schedule-group\/([0-9a-zA-Z-_.]+)$/.exec(arn)?.[1];
  if (name === undefined) throw invalid(`${arn} is not the ARN of a schedule group.`);
  return find(store, name);
}

function describe(group: Group) {
  return {
    Arn: group.arn,
    Name: group.name,
    State: group.deletingMs === undefined ? ("ACTIVE" as const) : ("DELETING" as const),
    CreationDate: new Date(group.createdMs),
    LastModificationDate: new Date(group.modifiedMs),
  };
}

const byArn = (a: Group, b: Group): number => (a.arn < b.arn ? -1 : 1);

function exists(name: string): AwsError {
  return new AwsError("ConflictException", `Schedule Group ${name} already exists.`);
}
