/** The resources that the sources of a plan's queues become. */
import type { Source } from "@tendril/core/source";
import type { PlannedResource } from "./plan-resources.ts";

/** What is made here because it is named, and what ties each source to its queue. */
export function sourceResources(sources: readonly Source[]): PlannedResource[] {
  if (sources.length === 0) return [];
  const failures = {
    kind: "dead letters",
    name: "source-failures",
    text: "what sources could not send, kept 14 d",
  } as const;
  return [failures, ...madeResources(sources), ...sources.flatMap(tieResource), ...notifications(sources)];
}

/** Several sources may have the same one. */
function madeResources(sources: readonly Source[]): PlannedResource[] {
  const made = sources.map(origin).filter(({ name }) => name !== undefined && !name.startsWith("arn:"));
  const unique = new Map(made.map(({ kind, name = "" }) => [`${kind} ${name}`, { kind, name }]));
  return [...unique.values()].map(({ kind, name }) => ({ kind, name, text: "made with the tier" }));
}

function origin(source: Source): { kind: PlannedResource["kind"]; name: string | undefined } {
  switch (source.from) {
    case "sns":
      return { kind: "topic", name: source.topic };
    case "eventbridge":
      return { kind: "event bus", name: source.bus };
    case "s3":
      return { kind: "bucket", name: source.bucket };
    case "kinesis":
      return { kind: "stream", name: source.stream };
  }
}

function tieResource(source: Source): PlannedResource[] {
  const { name, jobType, queue } = source;
  const to = `${jobType} to ${queue}`;
  switch (source.from) {
    case "sns":
      return [{ kind: "subscription", name, text: `${to}, of ${source.topic}` }];
    case "eventbridge":
      return [{ kind: "rule", name, text: `${to}, of ${source.bus ?? "the default bus"}` }];
    case "kinesis":
      return [{ kind: "pipe", name, text: `${to}, of ${source.stream}` }];
    case "s3":
      return [];
  }
}

/** A bucket has one list of notifications for all its sources. */
function notifications(sources: readonly Source[]): PlannedResource[] {
  const ofBuckets = Map.groupBy(
    sources.filter((source) => source.from === "s3"),
    ({ bucket }) => bucket,
  );
  return [...ofBuckets].map(([bucket, of]) => {
    const to = [...new Set(of.map(({ jobType, queue }) => `${jobType} to ${queue}`))];
    return { kind: "notification", name: bucket, text: to.join(", ") };
  });
}
