import type { Claims } from "@tendril/client/claims";
import { errorText, TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import { checkInput } from "@tendril/core/job";
import { attributeNames, type WireJob } from "@tendril/core/message";
import { readSourced, type Source, type SourcedReading } from "@tendril/core/source";
import type { SQSRecord } from "aws-lambda";
import { type BuiltInJob, builtInJobs } from "./built-in.ts";
import { fetchInput } from "./claimed-input.ts";
import { DeadlineError, untilAborted } from "./deadline.ts";
import { readable } from "./thrown.ts";

/** A record as its worker sees it. */
export type RecordReading =
  /** A job that can be run: its type has a handler here, and the handler takes its input. */
  | { readonly kind: "job"; readonly job: WireJob; readonly handler: Handler; readonly input: unknown }
  /** One of Tendril's own. */
  | { readonly kind: "built-in"; readonly job: WireJob; readonly builtIn: BuiltInJob }
  /** A message of a source that no job is made of. */
  | { readonly kind: "ignored"; readonly reason: string }
  /** A job whose input could not be had in time: it lies in S3, or its schema has not answered. */
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

/**
 * Reads a record, finds its handler, fetches its input if that lies in S3, and checks it. At once when nothing has to be
 * waited for. Never throws or rejects.
 */
export function readRecord(record: SQSRecord, readers: Readers): RecordReading | Promise<RecordReading> {
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
  return readInput(job, handler, readers);
}

function readInput(job: WireJob, handler: Handler, readers: Readers): RecordReading | Promise<RecordReading> {
  try {
    const input: unknown = checkInput(handler.spec, job.input);
    if (!(input instanceof Promise)) return { kind: "job", job, handler, input };
    return readLateInput({ job, handler, input }, readers);
  } catch (error) {
    return { kind: "unusable", job, error: readable(error) };
  }
}

async function readLateInput(
  { job, handler, input }: { readonly job: WireJob; readonly handler: Handler; readonly input: Promise<unknown> },
  { deadline }: Readers,
): Promise<RecordReading> {
  try {
    const checked: unknown = await (deadline === undefined ? input : untilAborted(input, deadline.signal));
    return { kind: "job", job, handler, input: checked };
  } catch (error) {
    if (!(error instanceof DeadlineError)) return { kind: "unusable", job, error: readable(error) };
    return { kind: "away", job, handler, error: new Error("its input was not checked in time", { cause: error }) };
  }
}

async function readClaimed(
  { job, handler, claim }: { readonly job: WireJob; readonly handler: Handler; readonly claim: string },
  readers: Readers,
): Promise<RecordReading> {
  const { claims, deadline } = readers;
  try {
    return await readInput(await fetchInput(job, claim, { claims, signal: deadline?.signal }), handler, readers);
  } catch (error) {
    if (error instanceof TendrilError) return { kind: "unusable", job, error };
    const away = `the job's input could not be read from S3: ${errorText(error)}`;
    return { kind: "away", job, handler, error: new Error(away, { cause: error }) };
  }
}

/** The job in a record of a queue with these sources, or why there is none. */
export function readWire(
  { messageId, body, messageAttributes }: SQSRecord,
  sources: readonly Source[] = [],
): SourcedReading {
  return readSourced({ messageId, body, attributes: textsOf(messageAttributes) }, sources);
}

const noTexts: Readonly<Record<string, string>> = {};

function textsOf(attributes: SQSRecord["messageAttributes"]): Readonly<Record<string, string>> {
  const names = Object.keys(attributes);
  if (names.length === 0) return noTexts;
  const texts: [string, string][] = [];
  for (const name of names) {
    const text = attributes[name]?.stringValue;
    if (text !== undefined) texts.push([name, text]);
  }
  return Object.fromEntries(texts);
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
