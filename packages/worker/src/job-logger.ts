import { Logger, LogLevel, LogLevelThreshold } from "@aws-lambda-powertools/logger";
import type { LogItemExtraInput, LogItemMessage } from "@aws-lambda-powertools/logger/types";

/** What `JobLogger` takes: nothing that would change how a line looks. */
export interface JobLoggerOptions {
  /** The key `service` of each line. */
  readonly serviceName: string;
  /** Writes one or more lines, their ends included. Default: to standard output. */
  readonly write?: (lines: string) => void;
}

/**
 * Powertools' Logger, which formats what all lines of an invocation have in common once: level, time, message and a line's
 * own keys are put beside it. The line is the same, in a tenth of the time. What is not plain (keys that are appended, errors,
 * nested values, another time zone) it formats as ever. Each line is written at once, unless `keep` was called before it.
 */
export class JobLogger extends Logger {
  /** What follows the time in each line of this invocation. */
  #common: string | undefined;
  /** Whether lines have nothing but what is in `#common` and their own keys. */
  #isPlain = hasPlainTime(process.env.TZ) && process.env.POWERTOOLS_DEV === undefined;
  /** The lowest level that is written. */
  #least: number | undefined;
  #lastTime = { ms: 0, text: "" };

  readonly #write: (lines: string) => void;
  /** Whether the next line is to be kept. */
  #isKept = false;
  #kept = "";
  #writing: Promise<void> | undefined;

  constructor({ serviceName, write = writeOut }: JobLoggerOptions) {
    super({ serviceName });
    this.#write = write;
    // Whatever ends the process in an orderly way, an uncaught error too.
    if (write === writeOut) process.once("exit", () => this.writeKept());
  }

  /**
   * The next line may wait for others of the same turn (the microtasks that are waiting by then): they are written together,
   * at the latest before a line that is not kept. Resolves when it is written, so that nothing begins before its line is out.
   */
  keep(): Promise<void> {
    this.#isKept = true;
    this.#writing ??= Promise.resolve().then(() => this.writeKept());
    return this.#writing;
  }

  /** Writes the lines that were kept. */
  writeKept(): void {
    this.#writing = undefined;
    if (this.#kept === "") return;
    const lines = this.#kept;
    this.#kept = "";
    this.#write(lines);
  }

  override addContext(context: Parameters<Logger["addContext"]>[0]): void {
    this.#common = undefined;
    super.addContext(context);
  }

  override setLogLevel(level: Parameters<Logger["setLogLevel"]>[0]): void {
    // The Logger's constructor comes here before there are fields.
    if (#least in this) this.#least = undefined;
    super.setLogLevel(level);
  }

  override appendKeys(attributes: Parameters<Logger["appendKeys"]>[0]): void {
    this.#isPlain = false;
    super.appendKeys(attributes);
  }

  override appendPersistentKeys(attributes: Parameters<Logger["appendKeys"]>[0]): void {
    this.#isPlain = false;
    super.appendPersistentKeys(attributes);
  }

  protected override processLogItem(level: number, input: LogItemMessage, extra: LogItemExtraInput): void {
    const isKept = this.#isKept;
    this.#isKept = false;
    // The Logger reads the environment each time that it is asked.
    this.#least ??= this.level;
    if (level < this.#least) return;
    const isPlain = this.#isPlain && typeof input === "string" && input !== "" && extra.length === 1;
    const keys = isPlain ? plainKeys(extra[0]) : undefined;
    if (keys === undefined) {
      if (this.#kept !== "") this.writeKept();
      super.processLogItem(level, input, extra);
      return;
    }
    this.#common ??= this.#formatCommon();
    const [name, message] = [levelNames.get(level) ?? LogLevel.INFO, JSON.stringify(input)];
    this.#kept += `{"level":"${name}","message":${message},"timestamp":"${this.#now()}"${this.#common}${keys}}\n`;
    if (!isKept) this.writeKept();
  }

  /** As the Logger itself formats a line that says nothing. */
  #formatCommon(): string {
    const item = this.createAndPopulateLogItem(LogLevelThreshold.INFO, "", []);
    item.prepareForPrint();
    const { level: _, timestamp: __, ...common } = item.getAttributes();
    const text = JSON.stringify(common);
    return text === "{}" ? "" : `,${text.slice(1, -1)}`;
  }

  #now(): string {
    const ms = Date.now();
    if (ms !== this.#lastTime.ms) this.#lastTime = { ms, text: new Date(ms).toISOString() };
    return this.#lastTime.text;
  }
}

const writeOut = (lines: string): void => void process.stdout.write(lines);

const levelNames: ReadonlyMap<number, string> = new Map(
  Object.entries(LogLevelThreshold).map(([name, level]) => [level, name]),
);

const hasPlainTime = (zone: string | undefined): boolean => !zone || zone.includes("UTC");

/** Keys of the line itself. */
const taken = new Set(
  "level message sampling_rate service timestamp cold_start function_arn function_memory_size function_name function_request_id xray_trace_id tenant_id __proto__".split(
    " ",
  ),
);
const plainName = /^[A-Za-z_]\w{0,79}$/;

/** How keys begin in a line, those that were there before; undefined for those that are not plain. */
const beginnings = new Map<string, string | undefined>();
/** A handler may make up keys without end. */
const mostBeginnings = 1000;

function beginningOf(name: string): string | undefined {
  const known = beginnings.get(name);
  if (known !== undefined || beginnings.has(name)) return known;
  const made = plainName.test(name) && !taken.has(name) ? `,"${name}":` : undefined;
  if (beginnings.size < mostBeginnings) beginnings.set(name, made);
  return made;
}

/** The keys as they stand in the line, each with a comma before it; undefined when one is not plain. */
function plainKeys(keys: LogItemExtraInput[number] | undefined): string | undefined {
  if (typeof keys !== "object" || keys instanceof Error) return undefined;
  let text = "";
  for (const name of Object.keys(keys)) {
    const value = keys[name];
    const beginning = beginningOf(name);
    if (beginning === undefined) return undefined;
    if (value === undefined) continue;
    if (typeof value === "number" && Number.isFinite(value)) text += beginning + value;
    else if (typeof value === "string" && value !== "") text += beginning + JSON.stringify(value);
    else return undefined;
  }
  return text;
}
