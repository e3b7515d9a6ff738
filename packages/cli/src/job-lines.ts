import { wordDuration } from "@tendril/core/duration";
import type { WireMessage } from "@tendril/core/message";
import { readSourced, type Source } from "@tendril/core/source";
import type { LostBatch } from "@tendril/local/local-tier";
import { paint } from "./paint.ts";

/** A line of the terminal for a message that a queue with these sources has taken; undefined for one that needs none. */
export function sentLine(queueName: string, message: WireMessage, sources: readonly Source[]): string | undefined {
  if (/-dead(\.fifo)?$/.test(queueName)) return undefined; // the worker's own line says why
  const reading = readSourced(message, sources);
  if (reading.kind === "job") return jobLine("enqueued", reading.job.type, reading.job.id);
  const why = reading.kind === "ignored" ? reading.reason : reading.error.message;
  return jobLine("enqueued", "(not a job)", message.messageId, why);
}

/** A line of the terminal for a line that a function has logged; undefined for one that is not for people. */
export function logLine(functionName: string, text: string): string | undefined {
  const record = parseRecord(text);
  if (record === undefined) return `${stamp()}  ${paint("dim", functionName)}  ${text}`;
  if ("_aws" in record) return undefined; // a metric document for CloudWatch
  const render = lifeLines.get(String(record.message));
  if (render === undefined) return otherLine(functionName, record);
  return render(record);
}

/** A line of the terminal for a batch whose worker ended without an answer. */
export function lostBatchLine({ functionName, reason, messages, visibleAgainMs }: LostBatch): string {
  const back = `its ${messages === 1 ? "message comes" : `${messages} messages come`} back in ${wordDuration(visibleAgainMs)}`;
  return `${stamp()}  ${paint("red", `${functionName} ended in the middle of a batch`)}: ${reason}; ${back}`;
}

/** A line of the terminal for a queue that was paused or resumed. */
export function pauseLine(queue: string, paused: boolean): string {
  const says = paused ? "paused: it takes jobs, and runs none until it is resumed" : "resumed";
  return `${stamp()}  ${paint("yellow", `queue ${queue} ${says}`)}`;
}

type LogRecord = Readonly<Record<string, unknown>>;

const lifeLines = new Map<string, (record: LogRecord) => string | undefined>([
  ["job enqueued", () => undefined], // the queue has said so
  ["request answered", () => undefined], // whoever asked knows
  ["job started", (record) => lifeLine("started", record, attemptText(record))],
  ["job done", (record) => lifeLine("done", record, wordDuration(Number(record.ms)))],
  [
    "job retry",
    (record) =>
      lifeLine(
        "retry",
        record,
        `${attemptText(record)}, again in ${wordDuration(Number(record.delay_ms))}: ${record.error}`,
      ),
  ],
  ["job dead", (record) => lifeLine("dead", record, String(record.error))],
  ["job duplicate", (record) => lifeLine("duplicate", record, "was done before")],
  ["job skipped", (record) => lifeLine("skipped", record, String(record.reason))],
  ["job returned", (record) => lifeLine("returned", record, "to its queue, not started")],
]);

const colours = {
  enqueued: "dim",
  started: "cyan",
  done: "green",
  retry: "yellow",
  dead: "red",
  duplicate: "dim",
  skipped: "yellow",
  returned: "dim",
  log: "dim",
} as const;

function lifeLine(event: keyof typeof colours, record: LogRecord, rest: string): string {
  return jobLine(event, String(record.job_type ?? "(not a job)"), String(record.job_id ?? "-"), rest);
}

function jobLine(event: keyof typeof colours, type: string, id: string, rest = ""): string {
  return `${stamp()}  ${paint(colours[event], event.padEnd(9))}  ${type}  ${paint("dim", id)}  ${rest}`.trimEnd();
}

/** A line that a handler or a library has logged. */
function otherLine(functionName: string, record: LogRecord): string {
  const { job_type, job_id, message, level, error, ...rest } = record;
  const facts = Object.entries(rest).filter(([key]) => !platformKeys.has(key));
  const failure = error === undefined ? [] : [`error=${JSON.stringify(error)}`];
  const text = [String(message), ...facts.map(([key, value]) => `${key}=${word(value)}`), ...failure].join("  ");
  if (job_id !== undefined) return jobLine("log", String(job_type), String(job_id), text);
  return `${stamp()}  ${paint(level === "ERROR" ? "red" : "dim", functionName)}  ${text}`;
}

/** What Powertools' logger adds to each line and a reader of the terminal knows. */
const platformKeys = new Set([
  "timestamp",
  "service",
  "sampling_rate",
  "xray_trace_id",
  "attempt",
  "queue",
  "cold_start",
  "function_arn",
  "function_memory_size",
  "function_name",
  "function_request_id",
]);

function attemptText(record: LogRecord): string {
  return `attempt ${record.attempt}`;
}

function word(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parseRecord(text: string): LogRecord | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as LogRecord;
  } catch {
    return undefined;
  }
}

function stamp(): string {
  return paint("dim", new Date().toTimeString().slice(0, 8));
}
