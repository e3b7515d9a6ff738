import { Logger, LogLevel, LogLevelThreshold } from "@aws-lambda-powertools/logger";
import type { LogItemExtraInput, LogItemMessage } from "@aws-lambda-powertools/logger/types";

/** What `JobLogger` takes: nothing that would change how a line looks. */
export interface JobLoggerOptions {
  /** The key `service` of each line. */
  readonly serviceName: string;
}

/**
 * Powertools' Logger, which formats what all lines of an invocation have in common once: level, time, message and a line's
 * own keys are put beside it. The line is the same, in a tenth of the time. What is not plain (keys that are appended, errors,
 * nested values, another time zone) it formats as ever. Lines go straight to standard output.
 */
export class JobLogger extends Logger {
  /** What follows the time in each line of this invocation. */
  #common: string | undefined;
  /** Whether lines have nothing but what is in `#common` and their own keys. */
  #isPlain = hasPlainTime(process.env.TZ) && process.env.POWERTOOLS_DEV === undefined;
  #second = { ms: 0, text: "" };

  constructor({ serviceName }: JobLoggerOptions) {
    super({ serviceName });
  }

  override addContext(context: Parameters<Logger["addContext"]>[0]): void {
    this.#common = undefined;
    super.addContext(context);
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
    if (level < this.level) return;
    const keys = this.#isPlain && typeof input === "string" && extra.length === 1 ? plainKeys(extra[0]) : undefined;
    if (keys === undefined || typeof input !== "string") {
      super.processLogItem(level, input, extra);
      return;
    }
    this.#common ??= this.#formatCommon();
    const [name, message] = [levelNames.get(level) ?? LogLevel.INFO, JSON.stringify(input)];
    process.stdout.write(
      `{"level":"${name}","message":${message},"timestamp":"${this.#now()}"${this.#common}${keys}}\n`,
    );
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
    if (ms !== this.#second.ms) this.#second = { ms, text: new Date(ms).toISOString() };
    return this.#second.text;
  }
}

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
const plainName = /^\w{1,80}$/;

/** The keys as they stand in the line, each with a comma before it; undefined when one is not plain. */
function plainKeys(keys: object | string | undefined): string | undefined {
  if (typeof keys !== "object" || keys instanceof Error) return undefined;
  let text = "";
  for (const [name, value] of Object.entries(keys)) {
    if (value === undefined) continue;
    if (taken.has(name) || !plainName.test(name)) return undefined;
    if (typeof value === "number" && Number.isFinite(value)) text += `,"${name}":${value}`;
    else if (typeof value === "string" && value !== "") text += `,"${name}":${JSON.stringify(value)}`;
    else return undefined;
  }
  return text;
}
