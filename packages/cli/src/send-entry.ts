import type { Entry } from "@tendril/client/http-entry";
import { kindOf, TendrilError } from "@tendril/core/errors";
import { readJson } from "./read-json.ts";
import type { JobPlace } from "./send-command.ts";
import type { Line } from "./send-lines.ts";

/** How lines become jobs. */
export interface LineForm {
  readonly type: string;
  readonly place: JobPlace;
  readonly envelope: boolean;
  /** The idempotency key of a line that has none of its own. */
  readonly keyOf: (lineNumber: number) => string;
}

/** The longest line that is sent, in bytes: a request carries no more. The API itself takes inputs of at most 1 MiB. */
const longestLine = 4_500_000;

const decoder = new TextDecoder("utf-8", { fatal: true }); // it drops a byte order mark

/** The job of a line; undefined for an empty line. Errors: `input_invalid`, `body_too_large`. */
export function readEntry({ bytes, number }: Line, form: LineForm): Entry | undefined {
  const where = `line ${number}`;
  if (bytes.length > longestLine) {
    const allowed = `at most ${longestLine} bytes a line`;
    throw new TendrilError("body_too_large", { where, given: `${bytes.length} bytes`, allowed });
  }
  const text = decode(bytes, where);
  if (text.trim() === "") return undefined;
  const json = readJson(text, where);
  const own = form.envelope ? readEnvelope(json, where) : { input: json };
  const { delay: _, at: __, ...elsewhere } = form.place;
  // A line's own time is not the command's.
  const place = own.delay === undefined && own.at === undefined ? form.place : elsewhere;
  return { type: form.type, key: form.keyOf(number), ...place, ...own };
}

function decode(bytes: Buffer, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TendrilError("input_invalid", { where, given: "bytes that are no UTF-8", allowed: "UTF-8" });
  }
}

const members = ["key", "delay", "at", "group", "queue"] as const;

function readEnvelope(json: unknown, where: string): Omit<Entry, "type"> {
  const allowed = `{"input": …} and, as it likes, ${members.join(", ")}`;
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TendrilError("input_invalid", { where, given: kindOf(json), allowed });
  }
  const { input, ...rest }: Record<string, unknown> = { ...json };
  const place: { -readonly [Name in (typeof members)[number]]?: string } = {};
  for (const [name, value] of Object.entries(rest)) {
    const member = members.find((each) => each === name);
    if (member === undefined) throw new TendrilError("input_invalid", { where, given: "another member", allowed });
    if (typeof value !== "string") {
      throw new TendrilError("input_invalid", {
        where: `${where}, ${member}`,
        given: kindOf(value),
        allowed: "a text",
      });
    }
    place[member] = value;
  }
  return { input, ...place };
}
