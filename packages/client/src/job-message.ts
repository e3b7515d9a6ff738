import { kindOf, TendrilError } from "@tendril/core/errors";
import type { JobId } from "@tendril/core/job-id";
import { longestMessageBytes, messageBytes, writeMessage } from "@tendril/core/message";

/** A job's message, ready to be sent. */
export interface JobMessage {
  readonly id: JobId;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Its size as SQS counts it. */
  readonly bytes: number;
}

/**
 * Writes a job's message of at most `longestBytes`, by default what SQS takes. Errors: `input_invalid` for what JSON drops
 * or changes in silence (functions, BigInt, cycles, NaN, a Map …; undefined members are absent, and what has a `toJSON` is
 * sent as that says), `body_too_large`.
 */
export function writeJobMessage(
  job: { readonly id: JobId; readonly type: string; readonly input: unknown },
  longestBytes = longestMessageBytes,
): JobMessage {
  const { body, attributes } = writeJson(job);
  const bytes = messageBytes({ body, attributes });
  if (bytes > longestBytes) {
    const elsewhere = "Keep what is large elsewhere, in S3 for example, and send where it is";
    const others = longestBytes === longestMessageBytes ? ', or let the tier do so: `largeInputs: "s3"`' : "";
    throw new TendrilError("body_too_large", {
      where: "data",
      given: `a message of ${bytes} bytes`,
      allowed: `at most ${longestBytes} bytes, with the job type and the job id`,
      fix: `${elsewhere}${others}.`,
    });
  }
  return { id: job.id, body, attributes, bytes };
}

function writeJson(job: { readonly id: JobId; readonly type: string; readonly input: unknown }) {
  try {
    const found = findUnsendable(job.input, new Set());
    if (found !== undefined) throw unsendable(["data", ...found.path].join("."), found.given);
    return writeMessage(job);
  } catch (error) {
    if (error instanceof TendrilError) throw error;
    // A stack overflow, or a getter or `toJSON` that throws; its text may hold what the caller wants kept private.
    const tooDeep = error instanceof RangeError;
    throw unsendable("data", tooDeep ? "a value nested too deeply" : "a value that cannot be written as JSON");
  }
}

function unsendable(where: string, given: string): TendrilError {
  return new TendrilError("input_invalid", {
    where,
    given,
    allowed: "what JSON carries: texts, finite numbers, booleans, null, lists and objects of these",
  });
}

/** The first value that would not arrive as it is, and the way to it. `above` holds the objects that it is within. */
function findUnsendable(value: unknown, above: Set<object>): { path: string[]; given: string } | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : { path: [], given: String(value) };
  if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") {
    return { path: [], given: kindOf(value) };
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (above.has(value)) return { path: [], given: "an object that contains itself" };
  if ("toJSON" in value && typeof value.toJSON === "function") return undefined;
  const members = Object.entries(value);
  if (members.length === 0 && isOpaque(value)) return { path: [], given: `a ${value.constructor.name}` };
  above.add(value);
  for (const [key, member] of members) {
    const found = member === undefined && Array.isArray(value) ? nothing : findUnsendable(member, above);
    if (found !== undefined) return { path: [key, ...found.path], given: found.given };
  }
  above.delete(value);
  return undefined;
}

const nothing = { path: [], given: "undefined in a list, which JSON would turn into null" };

/** Whether JSON would make `{}` of an object that is more than that: a Map, a Set, a Promise, a RegExp … */
function isOpaque(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null && !Array.isArray(value);
}
