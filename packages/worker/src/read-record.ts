import type { Claims } from "@tendril/client/claims";
import { TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import { parseInput } from "@tendril/core/job";
import { attributeNames, type WireJob } from "@tendril/core/message";
import { readSourced, type Source, type SourcedReading } from "@tendril/core/source";
import type { SQSRecord } from "aws-lambda";
import { type BuiltInJob, builtInJobs } from "./built-in.ts";
import { fetchInput } from "./claimed-input.ts";
import { readable } from "./thrown.ts";

/** A record as its worker sees it. */
export type RecordReading =
  /** A job that can be run: its type has a handler here, and the handler takes its input. */
  | { readonly kind: "job"; readonly job: WireJob; readonly handler: Handler; readonly input: unknown }
  /** One of Tendril's own. */
  | { readonly kind: "built-in"; readonly job: WireJob; readonly builtIn: BuiltInJob }
  /** A message of a source that no job is made of. */
  | { readonly kind: "ignored"; readonly reason: string }
  /** A job whose input lies in S3, which could not be asked for it. */
  | { readonly kind: "away"; readonly job: WireJob; readonly handler: Handler; readonly error: unknown }
  /** No attempt can help. `job` is there when the message could be read. */
  | { readonly kind: "unusable"; readonly error: unknown; readonly job?: WireJob };

/** What a record is read with: the handlers by job type, the queue's sources, and where large inputs lie. */
export interface Readers {
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly sources: readonly Source[];
  /** Default: there is no bucket for them. */
  readonly claims?: Claims | undefined;
  /** Ends the reading of one. Default: nothing. */
  readonly deadline?: { readonly signal: AbortSignal };
}

/** Reads a record, finds its handler, fetches its input if that lies in S3, and checks it. Never rejects. */
export async function readRecord(record: SQSRecord, readers: Readers): Promise<RecordReading> {
  const { handlers, sources } = readers;
  const reading = readWire(record, sources);
  if (reading.kind === "ignored") return reading;
  if (reading.kind === "unreadable") return { kind: "unusable", error: reading.error };
  const { job } = reading;
  const builtIn = builtInJobs.get(job.type);
  if (builtIn !== undefined) return { kind: "built-in", job, builtIn };
  const handler = handlers.get(job.type);
  if (handler === undefined) return { kind: "unusable", job, error: unknownType(job.type, handlers) };
  const claim = record.messageAttributes[attributeNames.claim]?.stringValue;
  if (claim !== undefined) return readClaimed({ job, handler, claim }, readers);
  return checkInput(job, handler);
}

async function checkInput(job: WireJob, handler: Handler): Promise<RecordReading> {
  try {
    return { kind: "job", job, handler, input: await parseInput(handler.spec, job.input) };
  } catch (error) {
    return { kind: "unusable", job, error: readable(error) };
  }
}

async function readClaimed(
  { job, handler, claim }: { readonly job: WireJob; readonly handler: Handler; readonly claim: string },
  { claims, deadline }: Readers,
): Promise<RecordReading> {
  try {
    return checkInput(await fetchInput(job, claim, { claims, signal: deadline?.signal }), handler);
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "unusable", job, error };
    return { kind: "away", job, handler, error };
  }
}

/** The job in a record of a queue with these sources, or why there is none. */
export function readWire(
  { messageId, body, messageAttributes }: SQSRecord,
  sources: readonly Source[] = [],
): SourcedReading {
  const texts = Object.entries(messageAttributes).flatMap(([name, { stringValue }]) =>
    stringValue === undefined ? [] : [[name, stringValue] as const],
  );
  return readSourced({ messageId, body, attributes: Object.fromEntries(texts) }, sources);
}

function unknownType(type: string, handlers: ReadonlyMap<string, Handler>): TendrilError {
  // A text that could not even name a job type may be anything: it stays out of the error.
  const named = /^[\w-]{1,80}$/.test(type);
  return new TendrilError("job_type_unknown", {
    where: "job_type",
    given: named ? JSON.stringify(type) : `${type.length} characters`,
    allowed: [...handlers.keys()].join(", "),
  });
}
