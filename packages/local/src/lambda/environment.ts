import type { ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { type Clock, type ClockTimer, systemClock } from "../clock.ts";
import { functionArn } from "./function-config.ts";
import type { Crashed, Failed, FunctionError, FunctionLogLine, InitFailed, Succeeded, TimedOut } from "./invocation.ts";
import { lineSplitter } from "./line-splitter.ts";
import { type RuntimeApi, startRuntimeApi } from "./runtime-api.ts";
import { describeExit, type Exit, killGroup, type RuntimeProcessOptions, spawnRuntime } from "./runtime-process.ts";
import { invocationTrace } from "./trace-header.ts";

const maxInitOutputLines = 100;
const inspectorHelp = /^For help, see: https:\/\/nodejs\.org\/\S+$/;
/** How long what a process wrote last is waited for after its end, in milliseconds. */
const lastOutputMs = 500;

export interface EnvironmentOptions extends RuntimeProcessOptions {
  readonly clock: Clock;
  /** Milliseconds that a handler may take to load, before the function's own timeout is added to it. */
  readonly initMs: number;
  readonly onLog: (line: FunctionLogLine) => void;
}

/** What an invocation may bring besides its payload. */
export interface InvokeOptions {
  /** The caller's X-Ray header, e.g. "Root=1-…;Sampled=1": the invocation goes on with its trace. Default: a new trace. */
  readonly traceHeader?: string | undefined;
  /**
   * Kills the process so many of the machine's milliseconds after the handler was called, at the latest when it has
   * answered, and loses the answer: 0 before the handler is called, Infinity when it has answered. Default: never.
   */
  readonly killAfterMs?: number | undefined;
}

/** Whether the handler loaded. `output` is what the process wrote last to stderr: Node prints an error's place there. */
export type Started = { readonly kind: "ready" } | (InitFailed & { readonly output: readonly string[] });

/** `not-taken`: the environment ended before its process took the invocation, which another one may run. */
export type EnvironmentOutcome = Succeeded | Failed | TimedOut | Crashed | { readonly kind: "not-taken" };

interface Running {
  readonly requestId: string;
  readonly startMs: number;
  readonly timer: ClockTimer;
  readonly settle: (outcome: EnvironmentOutcome) => void;
  readonly killAfterMs: number | undefined;
  isTaken: boolean;
  hasTimedOut: boolean;
}

/**
 * One execution environment: a process that runs the function's handler, one invocation at a time, and the Runtime API
 * that it takes them from. It starts on construction and lasts until `end`, a timeout or its own death.
 */
export class Environment {
  /** That of its credentials: it signs what its process sends to AWS. */
  readonly accessKeyId = newAccessKeyId();
  readonly #options: EnvironmentOptions;
  readonly #started = Promise.withResolvers<Started>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #initOutput: string[] = [];
  readonly #initTimer: ClockTimer;
  #api: RuntimeApi | undefined;
  #child: ChildProcess | undefined;
  #running: Running | undefined;
  #initError: FunctionError | undefined;
  #isReady = false;
  #isEnding = false;
  #logRequestId: string | undefined;
  #requestId: string | undefined;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    // A process starts in the machine's time, also when the clock is a test's.
    const machine = systemClock();
    this.#initTimer = machine.at(machine.now() + options.initMs + options.config.timeoutMs, () => this.#giveUpInit());
    this.#start().catch((error: unknown) => this.#finish(`could not be started: ${String(error)}`));
  }

  /** Resolves when the handler has loaded, or cannot. */
  get started(): Promise<Started> {
    return this.#started.promise;
  }

  /** That of the invocation that it runs, or ran last. */
  get requestId(): string | undefined {
    return this.#requestId;
  }

  /** Resolves when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Runs one invocation. To be called when `started` said "ready" and the last invocation is over. */
  run(payload: string, { traceHeader, killAfterMs }: InvokeOptions = {}): Promise<EnvironmentOutcome> {
    const { clock, config } = this.#options;
    if (this.#isEnding || !this.#api) return Promise.resolve({ kind: "not-taken" });
    const { promise, resolve } = Promise.withResolvers<EnvironmentOutcome>();
    const requestId = randomUUID();
    const timer = clock.at(clock.now() + config.timeoutMs, () => this.#timeOut());
    const startMs = performance.now();
    this.#running = { requestId, startMs, timer, settle: resolve, killAfterMs, isTaken: false, hasTimedOut: false };
    this.#requestId = this.#logRequestId = requestId;
    if (killAfterMs === 0) {
      this.#taken(this.#running);
      return promise;
    }
    this.#api.offer({
      requestId,
      payload,
      deadlineMs: Date.now() + config.timeoutMs,
      functionArn: functionArn(config.name, this.#options),
      traceId: invocationTrace(traceHeader, clock.now()),
    });
    return promise;
  }

  /** Kills the process, and what it has started. */
  end(): Promise<void> {
    this.#isEnding = true;
    if (this.#child) killGroup(this.#child);
    return this.ended;
  }

  async #start(): Promise<void> {
    this.#api = await startRuntimeApi({
      onNext: () => this.#ready(),
      onTaken: () => {
        if (this.#running) this.#taken(this.#running);
      },
      onResponse: (payload) => this.#answered((run) => ({ kind: "succeeded", payload, ...run })),
      onError: (error) => this.#answered((run) => ({ kind: "failed", ...error, ...run })),
      onInitError: (error) => {
        this.#initError = error;
      },
    });
    if (this.#isEnding) return this.#finish("was ended");
    const child = spawnRuntime(this.#options, { apiAddress: this.#api.address, accessKeyId: this.accessKeyId });
    this.#child = child;
    this.#readOutput(child, "stdout");
    this.#readOutput(child, "stderr");
    child.once("error", (error) => this.#finish(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => this.#exited(child, { code, signal }));
  }

  #readOutput(child: ChildProcess, stream: "stdout" | "stderr"): void {
    const { config, onLog } = this.#options;
    const lines = lineSplitter((text) => {
      const requestId = this.#logRequestId;
      if (!this.#isReady && stream === "stderr") this.#keepInitOutput(text);
      // After the error itself comes Node's print of it, which is no line of the function; nor is the inspector's help.
      const isNodes = stream === "stderr" && (this.#initError || (config.inspect && inspectorHelp.test(text)));
      if (!isNodes) onLog({ functionName: config.name, ...(requestId ? { requestId } : {}), stream, text });
    });
    child[stream]?.setEncoding("utf8").on("data", lines.push).on("end", lines.end);
  }

  #keepInitOutput(text: string): void {
    this.#initOutput.push(text);
    if (this.#initOutput.length > maxInitOutputLines) this.#initOutput.shift();
  }

  #ready(): void {
    this.#isReady = true;
    this.#initTimer.cancel();
    this.#started.resolve({ kind: "ready" });
  }

  #giveUpInit(): void {
    if (this.#options.config.inspect) return;
    const seconds = ((this.#options.initMs + this.#options.config.timeoutMs) / 1000).toFixed(2);
    this.#initError = {
      errorType: "Sandbox.Timedout",
      errorMessage: `Init timed out after ${seconds} seconds`,
      trace: [],
    };
    void this.end();
  }

  #timeOut(): void {
    if (!this.#running || this.#options.config.inspect) return;
    this.#running.hasTimedOut = true;
    void this.end();
  }

  #taken(running: Running): void {
    running.isTaken = true;
    if (running.killAfterMs === 0) void this.end();
    if (!running.killAfterMs || running.killAfterMs === Number.POSITIVE_INFINITY) return;
    const machine = systemClock();
    machine.at(machine.now() + running.killAfterMs, () => {
      if (this.#running === running) void this.end();
    });
  }

  #answered(outcome: (run: { requestId: string; durationMs: number }) => EnvironmentOutcome): void {
    if (this.#running?.killAfterMs === undefined) this.#settle(outcome);
    else void this.end();
  }

  #settle(outcome: (run: { requestId: string; durationMs: number }) => EnvironmentOutcome): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.timer.cancel();
    const settled = outcome({ requestId: running.requestId, durationMs: performance.now() - running.startMs });
    // What the invocation wrote before it answered has arrived by now, but is read in this turn of the event loop:
    // after it, the request id belongs to the next invocation.
    setImmediate(() => {
      this.#logRequestId = undefined;
      running.settle(settled);
    });
  }

  #exited(child: ChildProcess, exit: Exit): void {
    this.#isEnding = true;
    killGroup(child);
    const finish = (): void => this.#finish(describeExit(exit));
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    void Promise.race([closed, new Promise((resolve) => setTimeout(resolve, lastOutputMs).unref())]).then(finish);
  }

  #finish(reason: string): void {
    this.#isEnding = true;
    this.#api?.close();
    this.#initTimer.cancel();
    if (!this.#isReady) {
      const error = this.#initError ?? {
        errorType: "Runtime.ExitError",
        errorMessage: `Error: Runtime ${reason}`,
        trace: [],
      };
      this.#started.resolve({ kind: "init-failed", ...error, output: this.#initOutput });
    }
    const { isTaken, hasTimedOut } = this.#running ?? { isTaken: false, hasTimedOut: false };
    this.#settle((run) => {
      if (hasTimedOut)
        return { kind: "timed-out", ...timeoutError(run.requestId, this.#options.config.timeoutMs), ...run };
      return isTaken ? { kind: "crashed", ...exitError(run.requestId, reason), ...run } : { kind: "not-taken" };
    });
    this.#ended.resolve();
  }
}

/** In the form of temporary credentials: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html */
function newAccessKeyId(): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return `ASIA${Array.from(randomBytes(16), (byte) => alphabet[byte % alphabet.length]).join("")}`;
}

function exitError(requestId: string, reason: string): FunctionError {
  return {
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${requestId} Error: Runtime ${reason}`,
    trace: [],
  };
}

function timeoutError(requestId: string, timeoutMs: number): FunctionError {
  const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  return { errorType: "Sandbox.Timedout", errorMessage, trace: [] };
}
