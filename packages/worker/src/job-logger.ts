import { writeSync } from "node:fs";
import { getXRayTraceIdFromEnv } from "@aws-lambda-powertools/commons/utils/env";
import { Logger, LogLevel, LogLevelThreshold } from "@aws-lambda-powertools/logger";
import type { LogAttributes, LogItemExtraInput, LogItemMessage } from "@aws-lambda-powertools/logger/types";

/** What `JobLogger` takes: nothing that would change how a line looks. */
export interface JobLoggerOptions {
  /** The key `service` of each line. */
  readonly serviceName: string;
  /** Writes one or more lines, their ends included. Default: to standard output. */
  readonly write?: (lines: string) => void;
}

/**
 * Powertools' Logger, which formats what all lines of an invocation have in common once, after the second invocation only
 * anew what differs in it: level, time, message and a line's own keys are put beside it. The line is the same, in a twentieth
 * of the time. What is not plain (keys that are appended, errors, nested values, another time zone) it formats as ever. Each
 * line is written at once, unless `keep` or `keepLonger` was called before it.
 */
export class JobLogger extends Logger {
  /** What follows the time in each line of this invocation. */
  #common: string | undefined;
  /** What all invocations have in common. */
  #frame: Frame | undefined;
  /** This invocation's, as long as the Logger itself has not been told. */
  #untold: LambdaContext | undefined;
  /** Whether lines have nothing but what is in `#common` and their own keys. */
  #isPlain = hasPlainTime(process.env.TZ) && process.env.POWERTOOLS_DEV === undefined;
  readonly #isSampled = process.env.POWERTOOLS_LOGGER_SAMPLE_RATE !== undefined;
  /** The lowest level that is written. */
  #least: number | undefined;
  #lastMs = 0;
  #lastTime = "";

  readonly #write: (lines: string) => void;
  /** Whether the next line is to be kept. */
  #isKept = false;
  #kept = "";
  #writing: Promise<void> | undefined;
  #turnEnd: NodeJS.Immediate | undefined;

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
    this.#writing ??= Promise.resolve(this).then(writeKeptOf);
    return this.#writing;
  }

  /** The next line may wait until `writeKept` is called, or until the event loop's turn ends. */
  keepLonger(): void {
    this.#isKept = true;
    this.#turnEnd ??= setImmediate(writeKeptOf, this);
  }

  /** Writes the lines that were kept, and `more` after them, which is a line with its end. */
  writeKept(more = ""): void {
    this.#writing = undefined;
    if (this.#turnEnd !== undefined) {
      clearImmediate(this.#turnEnd);
      this.#turnEnd = undefined;
    }
    const lines = this.#kept + more;
    if (lines === "") return;
    this.#kept = "";
    this.#write(lines);
  }

  override addContext(context: LambdaContext): void {
    this.#common = undefined;
    if (this.#frame?.fits(context) === true) {
      this.#untold = context;
      return;
    }
    this.#frame = undefined;
    this.#untold = undefined;
    super.addContext(context);
  }

  override createChild(options?: Parameters<Logger["createChild"]>[0]): Logger {
    this.#tellContext();
    this.#frame = undefined;
    return super.createChild(options);
  }

  override refreshSampleRateCalculation(): void {
    // Without sampling it has nothing to find out, and reads the environment for it.
    if (this.#isSampled) super.refreshSampleRateCalculation();
  }

  override clearBuffer(): void {
    // Nothing is kept back for an error, and the Logger reads the environment to find that out.
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

  /** Writes a line: as `info`, `warn` and `error` do, with a step less for each. */
  line(level: "info" | "warn" | "error", message: string, keys: LogAttributes): void {
    const threshold = thresholds[level];
    if (!this.#linePlainly(threshold, message, keys)) this.#lineFully(threshold, message, [keys]);
  }

  protected override processLogItem(level: number, input: LogItemMessage, extra: LogItemExtraInput): void {
    const isPlain = typeof input === "string" && extra.length === 1;
    if (!isPlain || !this.#linePlainly(level, input, extra[0])) this.#lineFully(level, input, extra);
  }

  /** Whether the line was plain, and so written. */
  #linePlainly(level: number, message: string, keys: LogItemExtraInput[number] | undefined): boolean {
    if (!this.#isPlain || message === "") return false;
    const text = plainKeys(keys);
    if (text === undefined) return false;
    const isKept = this.#isKept;
    this.#isKept = false;
    // The Logger reads the environment each time that it is asked.
    this.#least ??= this.level;
    if (level < this.#least) return true;
    this.#common ??= this.#formatCommon();
    const beginning = `{"level":"${levelNames.get(level) ?? LogLevel.INFO}","message":${quoted(message)}`;
    this.#kept += `${beginning},"timestamp":"${this.#now()}"${this.#common}${text}}\n`;
    if (!isKept) this.writeKept();
    return true;
  }

  /** As the Logger itself does. */
  #lineFully(level: number, input: LogItemMessage, extra: LogItemExtraInput): void {
    this.#isKept = false;
    this.#tellContext();
    if (this.#kept !== "") this.writeKept();
    super.processLogItem(level, input, extra);
  }

  #tellContext(): void {
    if (this.#untold === undefined) return;
    super.addContext(this.#untold);
    this.#untold = undefined;
  }

  #formatCommon(): string {
    if (this.#untold !== undefined && this.#frame !== undefined) return this.#frame.commonOf(this.#untold);
    // As the Logger itself formats a line that says nothing.
    const item = this.createAndPopulateLogItem(LogLevelThreshold.INFO, "", []);
    item.prepareForPrint();
    const { level: _, timestamp: __, ...common } = item.getAttributes();
    const text = JSON.stringify(common);
    this.#frame = Frame.of(common);
    return text === "{}" ? "" : `,${text.slice(1, -1)}`;
  }

  #now(): string {
    const ms = Date.now();
    if (ms !== this.#lastMs) {
      this.#lastMs = ms;
      this.#lastTime = new Date(ms).toISOString();
    }
    return this.#lastTime;
  }
}

type LambdaContext = Parameters<Logger["addContext"]>[0];

/** What the lines of an environment's invocations have in common: all but the request's and the trace's id, once it is warm. */
class Frame {
  readonly #keys: Readonly<Record<string, unknown>>;
  /** What stands before the request's id, and after it. */
  readonly #before: string;
  readonly #after: string;

  private constructor(keys: Readonly<Record<string, unknown>>, before: string, after: string) {
    this.#keys = keys;
    this.#before = before;
    this.#after = after;
  }

  /** Undefined when other invocations would have more in common, or less. */
  static of({ xray_trace_id: _, ...keys }: Readonly<Record<string, unknown>>): Frame | undefined {
    const names = Object.keys(keys);
    const at = names.indexOf("function_request_id");
    if (at === -1 || keys.cold_start !== false || "tenant_id" in keys) return undefined;
    const textOf = (some: readonly string[]): string =>
      some.map((name) => `,${JSON.stringify(name)}:${JSON.stringify(keys[name])}`).join("");
    return new Frame(keys, `${textOf(names.slice(0, at))},"function_request_id":`, textOf(names.slice(at + 1)));
  }

  fits({ functionName, memoryLimitInMB, invokedFunctionArn, awsRequestId, tenantId }: LambdaContext): boolean {
    const { function_name: name, function_memory_size: memory, function_arn: arn } = this.#keys;
    const isSame = functionName === name && memoryLimitInMB === memory && invokedFunctionArn === arn;
    return isSame && Boolean(awsRequestId) && tenantId === undefined;
  }

  commonOf({ awsRequestId }: LambdaContext): string {
    const traceId = getXRayTraceIdFromEnv();
    const trace = traceId ? `,"xray_trace_id":${JSON.stringify(traceId)}` : "";
    return `${this.#before}${JSON.stringify(awsRequestId)}${this.#after}${trace}`;
  }
}

const writeKeptOf = (logger: JobLogger): void => logger.writeKept();

/** Without the stream's own machinery, which is for those who cannot wait: standard output is written synchronously anyhow. */
function writeOut(lines: string): void {
  let written = 0;
  try {
    written = writeSync(1, lines);
  } catch {
    // A pipe that is full (EAGAIN) or gone: the stream knows what to do.
  }
  if (written === lines.length) return;
  const rest = Buffer.from(lines).subarray(written);
  if (rest.length > 0) process.stdout.write(rest);
}

const levelNames: ReadonlyMap<number, string> = new Map(
  Object.entries(LogLevelThreshold).map(([name, level]) => [level, name]),
);

const thresholds = {
  info: LogLevelThreshold.INFO,
  warn: LogLevelThreshold.WARN,
  error: LogLevelThreshold.ERROR,
} as const;

const hasPlainTime = (zone: string | undefined): boolean => !zone || zone.includes("UTC");

/** Keys of the line itself. */
const taken = new Set(
  "level message sampling_rate service timestamp cold_start function_arn function_memory_size function_name function_request_id xray_trace_id tenant_id __proto__".split(
    " ",
  ),
);
const plainName = /^[A-Za-z_]\w{0,79}$/;

/** A key as it stands in lines. */
interface Key {
  /** A comma, the name, a colon; undefined for a name that is not plain. */
  readonly beginning: string | undefined;
  /** Its last value, and the text of both: most keys say the same in many lines. */
  value?: unknown;
  text?: string;
}

/** Keys that were there before. */
const known = new Map<string, Key>();
/** A handler may make up keys without end. */
const mostKnown = 1000;

function keyOf(name: string): Key {
  const key = known.get(name);
  if (key !== undefined) return key;
  const made = { beginning: plainName.test(name) && !taken.has(name) ? `,"${name}":` : undefined };
  if (known.size < mostKnown) known.set(name, made);
  return made;
}

/** The keys as they stand in the line, each with a comma before it; undefined when one is not plain. */
function plainKeys(keys: LogItemExtraInput[number] | undefined): string | undefined {
  if (typeof keys !== "object" || keys instanceof Error) return undefined;
  let text = "";
  for (const name of Object.keys(keys)) {
    const value = keys[name];
    const key = keyOf(name);
    if (key.beginning === undefined) return undefined;
    if (value === undefined) continue;
    if (value !== key.value || key.text === undefined) {
      const valueText = plainValue(value);
      if (valueText === undefined) return undefined;
      key.value = value;
      key.text = key.beginning + valueText;
    }
    text += key.text;
  }
  return text;
}

function plainValue(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return quoted(value);
  return typeof value === "number" && Number.isFinite(value) ? String(value) : undefined;
}

/** Printable ASCII that JSON leaves as it is. */
const plainText = /^[ !#-[\]-~]*$/;

/** As JSON, which most texts are but for the quotation marks. */
function quoted(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}
