import { kindOf } from "./errors.ts";
import type { JobSpec } from "./job.ts";
import type { Report } from "./plan-values.ts";
import { isPlainList, namedSources, type S3Source, type Source } from "./source.ts";
import type { Tier } from "./tier.ts";

/** EventBridge's longest pattern, in characters. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const longestPattern = 2048;

/** S3's longest key, and so prefix and suffix, in bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const longestKey = 1024;

/** The sources of all queues, in the tier's order. Reports what AWS would refuse, and what could not be told apart. */
export function planSources(tier: Tier, report: Report): readonly Source[] {
  const planned = Object.entries(tier.queues).map(([queue, { fifo = false, sources }]) => {
    const named = namedSources(queue, sources);
    checkQueue(queue, { fifo, sources: named }, report);
    sources?.forEach(({ job }, index) => {
      checkJob(`queues.${queue}.sources.${index}.job`, queue, job, tier, report);
    });
    named.forEach((source, index) => {
      checkSource(`queues.${queue}.sources.${index}`, source, report);
    });
    return named;
  });
  checkBuckets(planned.flat(), report);
  return planned.flat();
}

function checkQueue(
  queue: string,
  { fifo, sources }: { readonly fifo: boolean; readonly sources: readonly Source[] },
  report: Report,
): void {
  const where = `queues.${queue}.sources`;
  if (fifo && sources.length > 0) {
    report({
      where,
      given: "sources of a FIFO queue",
      allowed: "sources of a standard queue",
      fix: "Standard topics, buses and S3 cannot send to a FIFO queue: let a job of another queue enqueue the jobs of this one.",
    });
  }
  const raw = sources.some((source) => source.from === "sns" && source.raw === true);
  if (raw && sources.length > 1) {
    report({
      where,
      given: "other sources beside one with raw delivery",
      allowed: "a source with raw delivery alone: its messages have nothing that tells them apart",
      fix: "Give it a queue of its own, or leave `raw` out.",
    });
  }
  sources.forEach((source, index) => {
    const twin = sources.slice(0, index).find((other) => areAlike(other, source));
    if (twin === undefined) return;
    report({
      where: `${where}.${index}`,
      given: `a source that cannot be told from ${twin.name}`,
      allowed: howToDiffer[source.from],
      fix: "Let them differ, or give one of them a queue of its own.",
    });
  });
}

const howToDiffer = {
  sns: "topics of other names, none of which ends in - and another's",
  eventbridge: "patterns with plain lists of `detail-type` or `source` that have nothing in common",
  s3: "sources of other names",
  kinesis: "streams of other names, none of which ends in - and another's",
} as const;

/** Whether a message could be of both. */
function areAlike(one: Source, other: Source): boolean {
  if (one.from === "sns" && other.from === "sns") return haveLikeNames(one.topic, other.topic);
  if (one.from === "kinesis" && other.from === "kinesis") return haveLikeNames(one.stream, other.stream);
  if (one.from !== "eventbridge" || other.from !== "eventbridge") return false;
  return ["detail-type", "source"].every((key) => haveCommon(one.pattern[key], other.pattern[key]));
}

function haveLikeNames(one: string, other: string): boolean {
  const [short, long] = [lastPart(one), lastPart(other)].sort((a, b) => a.length - b.length);
  return one === other || (short !== undefined && long !== undefined && (long === short || long.endsWith(`-${short}`)));
}

const lastPart = (arn: string): string => arn.split(/[:/]/).at(-1) ?? "";

function haveCommon(one: unknown, other: unknown): boolean {
  return !isPlainList(one) || !isPlainList(other) || one.some((each) => other.includes(each));
}

function checkJob(where: string, queue: string, { type, ...job }: JobSpec, tier: Tier, report: Report): void {
  if (!tier.jobs.some((each) => each.type === type)) {
    report({ where, given: type, allowed: "a job type of the tier", fix: "Put it into `jobs`." });
  } else if (job.queue !== queue) {
    report({
      where,
      given: `${type}, a job type of the queue ${JSON.stringify(job.queue)}`,
      allowed: "a job type of this queue: its worker's numbers are those of its own job types",
    });
  }
}

const arns = {
  sns: /^arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}$/,
  eventbridge: /^arn:aws[\w-]*:events:[\w-]+:\d{12}:event-bus\/[\w./-]{1,256}$/,
  s3: /^arn:aws[\w-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  kinesis: /^arn:aws[\w-]*:kinesis:[\w-]+:\d{12}:stream\/[\w.-]{1,128}$/,
} as const;

function checkSource(where: string, source: Source, report: Report): void {
  const [field, given] = originOf(source);
  if (given !== undefined && !arns[source.from].test(given) && !/^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/.test(given)) {
    report({
      where: `${where}.${field}`,
      given: JSON.stringify(given),
      allowed:
        "the ARN of one that exists, or 1 to 20 lower-case letters, digits and -, beginning with a letter, to make one",
    });
  }
  if (source.from === "eventbridge" && source.bus === "default") {
    report({ where: `${where}.bus`, given: '"default"', allowed: "no `bus`, for the account's default bus" });
  }
  if (source.from === "eventbridge") checkPattern(`${where}.pattern`, source.pattern, report);
  if (source.from === "s3") checkObjects(where, source, report);
}

/** The field that says where a source's messages come from, and what it says. */
function originOf(source: Source): readonly [field: string, given: string | undefined] {
  switch (source.from) {
    case "sns":
      return ["topic", source.topic];
    case "eventbridge":
      return ["bus", source.bus];
    case "s3":
      return ["bucket", source.bucket];
    case "kinesis":
      return ["stream", source.stream];
  }
}

function checkPattern(where: string, pattern: Readonly<Record<string, unknown>>, report: Report): void {
  const { length } = JSON.stringify(pattern);
  if (length > longestPattern) {
    report({ where, given: `${length} characters`, allowed: `at most ${longestPattern} characters of JSON` });
  }
  const wrong = Object.entries(pattern).filter(([, value]) => typeof value !== "object" || value === null);
  if (Object.keys(pattern).length > 0 && wrong.length === 0) return;
  const [[key, value] = ["", undefined]] = wrong;
  report({
    where: key === "" ? where : `${where}.${key}`,
    given: key === "" ? "an empty pattern" : kindOf(value),
    allowed: 'lists of what matches, such as { source: ["aws.s3"] }',
  });
}

type ObjectsOfBucket = Omit<S3Source, "job">;

function checkObjects(where: string, { events, prefix = "", suffix = "" }: ObjectsOfBucket, report: Report): void {
  const unknown = events?.find((event) => !/^s3:[A-Za-z]+:(?:\*|[A-Za-z]+)$|^s3:[A-Za-z]+$/.test(event));
  if (events?.length === 0 || unknown !== undefined) {
    report({
      where: `${where}.events`,
      given: unknown === undefined ? "no events" : JSON.stringify(unknown),
      allowed: 'events such as "s3:ObjectCreated:*"',
    });
  }
  for (const [name, text] of Object.entries({ prefix, suffix })) {
    if (text.length > longestKey) {
      report({ where: `${where}.${name}`, given: `${text.length} characters`, allowed: `at most ${longestKey}` });
    }
  }
}

/** S3 refuses two notifications of a bucket that one event on one key could set off. */
function checkBuckets(sources: readonly Source[], report: Report): void {
  const ofBuckets = sources.filter((source) => source.from === "s3");
  ofBuckets.forEach((source, index) => {
    const other = ofBuckets.slice(0, index).find((each) => overlap(each, source));
    if (other === undefined) return;
    report({
      where: `queues.${source.queue}.sources`,
      given: `${source.name}, whose objects and events are also those of ${other.name}`,
      allowed: "sources of one bucket that differ in prefix, suffix or events",
      fix: "S3 tells one queue of an event: send it to an SNS topic or to EventBridge, and let both queues have it from there.",
    });
  });
}

function overlap(one: ObjectsOfBucket, other: ObjectsOfBucket): boolean {
  const [begin, end] = [one.prefix ?? "", one.suffix ?? ""];
  const [otherBegin, otherEnd] = [other.prefix ?? "", other.suffix ?? ""];
  return (
    one.bucket === other.bucket &&
    (begin.startsWith(otherBegin) || otherBegin.startsWith(begin)) &&
    (end.endsWith(otherEnd) || otherEnd.endsWith(end)) &&
    eventsOf(one).some((event) => eventsOf(other).some((each) => covers(event, each) || covers(each, event)))
  );
}

/** The events that are asked for. */
export function eventsOf({ events = ["s3:ObjectCreated:*"] }: Pick<S3Source, "events">): readonly string[] {
  return events;
}

function covers(one: string, other: string): boolean {
  return one === other || (one.endsWith(":*") && other.startsWith(one.slice(0, -1)));
}
