import { type RemoteOptions, readRemoteOptions, remoteConfig } from "./remote-options.ts";
import { readSpan } from "./span.ts";
import { parseWords, usageError } from "./usage-error.ts";
import { fillWait, readWaitMs } from "./wait-option.ts";

/** What `tendril send` may be told. */
export type SendCommand = SendOne | SendFile;

/** One job. */
export interface SendOne extends SendParts {
  readonly kind: "one";
  /** Where its input comes from; `none`: it has none. */
  readonly input: { readonly kind: "none" | "stdin" } | { readonly kind: "json"; readonly text: string };
  readonly key: string | undefined;
  /** How long to wait for its end; undefined: not at all. */
  readonly waitMs: number | undefined;
}

/** A job for each line of a file. */
export interface SendFile extends SendParts {
  readonly kind: "file";
  /** Its path, or `-` for standard input. */
  readonly file: string;
  /** Whether a line is `{"input": …}` with its own key, delay, at, group and queue, or the input itself. */
  readonly envelope: boolean;
  /** How to begin: anew, where it stopped, or anew although it has stopped in the middle. */
  readonly begin: "new" | "resume" | "restart";
  /** A file for what is refused. */
  readonly refusedFile: string | undefined;
}

/** What is the same for both. */
interface SendParts {
  readonly type: string;
  readonly place: JobPlace;
  readonly remote: RemoteOptions;
  readonly json: boolean;
}

/** When and where jobs are sent, as `POST /jobs` takes it. */
export interface JobPlace {
  readonly delay?: string;
  readonly at?: string;
  readonly group?: string;
  readonly queue?: string;
}

export const sendUsage = `tendril send TYPE [JSON|-]       enqueue a job; its input is JSON, or - for standard input. Prints its id
tendril send TYPE --file FILE    enqueue a job for each line of a JSON-lines file (- for standard input)

  --wait[=30s]             wait for the job's end, and print its result
  --key KEY                an idempotency key: two jobs of one type and key run once
  --delay 10m, --at TIME   when it is to run: after a while, or at 2026-11-20T10:00:00Z
  --queue NAME             another queue than the job type's own
  --group NAME             its message group
  --envelope               lines are {"input": …} and, as they like, "key", "delay", "at", "group", "queue"
  --resume                 go on where the file was left: what was sent is not sent again, or runs once
  --restart                send a file that was left in the middle from its beginning, as new jobs
  --refused FILE           keep which lines were refused, and why, as JSON lines`;

/** Reads the words after `tendril send`. Error: `usage`, which never shows an input. */
export function readSendCommand(words: readonly string[]): SendCommand {
  const { values, positionals } = parse(words);
  const [type, json, ...others] = positionals;
  if (type === undefined)
    throw usageError("send, and no job type", "send TYPE JSON, send TYPE - or send TYPE --file FILE");
  if (others.length > 0)
    throw usageError(`send ${type} and ${others.length + 1} words`, "one JSON text: put it in quotes");
  const parts = { type, place: readPlace(values), remote: readRemoteOptions(values), json: values.json };
  if (values.file === undefined) {
    refuse(values, ["envelope", "resume", "restart", "refused"], "with --file");
    return { kind: "one", ...parts, input: inputOf(json), key: values.key, waitMs: readWaitMs(values.wait) };
  }
  if (json !== undefined) throw usageError("--file and an input", "one of them");
  refuse(values, ["wait", "key"], "without --file; with --envelope, lines have keys of their own");
  if (values.resume && values.restart) throw usageError("--resume and --restart", "one of them");
  if (values.file === "-") refuse(values, ["resume", "restart"], "with a file: standard input cannot be read again");
  const begin = values.resume ? "resume" : values.restart ? "restart" : "new";
  return { kind: "file", ...parts, file: values.file, envelope: values.envelope, begin, refusedFile: values.refused };
}

type Values = ReturnType<typeof parse>["values"];

function parse(words: readonly string[]) {
  const config = {
    args: fillWait(words),
    allowPositionals: true,
    options: {
      ...remoteConfig,
      wait: { type: "string" },
      key: { type: "string" },
      delay: { type: "string" },
      at: { type: "string" },
      queue: { type: "string" },
      group: { type: "string" },
      file: { type: "string" },
      envelope: { type: "boolean", default: false },
      resume: { type: "boolean", default: false },
      restart: { type: "boolean", default: false },
      refused: { type: "string" },
    },
  } as const;
  return parseWords(config, `send ${words[0] ?? ""}`.trim());
}

function inputOf(json: string | undefined): SendOne["input"] {
  if (json === undefined) return { kind: "none" };
  return json === "-" ? { kind: "stdin" } : { kind: "json", text: json };
}

function readPlace({ delay, at, group, queue }: Values): JobPlace {
  if (delay !== undefined && at !== undefined) throw usageError("--delay and --at", "one of them");
  return {
    ...(delay === undefined ? {} : { delay: `${readSpan("--delay", delay)} milliseconds` }),
    ...(at === undefined ? {} : { at }),
    ...(group === undefined ? {} : { group }),
    ...(queue === undefined ? {} : { queue }),
  };
}

function refuse(values: Values, names: readonly (keyof Values)[], allowed: string): void {
  const given = names.find((name) => values[name] !== undefined && values[name] !== false);
  if (given !== undefined) throw usageError(`--${given}`, `--${given} ${allowed}`);
}
