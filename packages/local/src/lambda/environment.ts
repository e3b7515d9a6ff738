import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type Clock, type ClockTimer, systemClock } from "../clock.ts";
import { environmentVariables, type FunctionConfig, type FunctionPlace, functionArn } from "./function-config.ts";
import type { Crashed, Failed, FunctionError, FunctionLogLine, InitFailed, Succeeded, TimedOut } from "./invocation.ts";
import { lineSplitter } from "./line-splitter.ts";
import { type RuntimeApi, startRuntimeApi } from "./runtime-api.ts";

const maxInitOutputLines = 100;
/** How long what a process wrote last is waited for after its end, in milliseconds. */
const lastOutputMs = 500;

export interface EnvironmentOptions extends FunctionPlace {
  readonly clock: Clock;
  readonly config: FunctionConfig;
  /** Milliseconds that a handler may take to load, before the function's own timeout is added to it. */
  readonly initMs: number;
  readonly onLog: (line: FunctionLogLine) => void;
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
  isTaken: boolean;
  hasTimedOut: boolean;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * One execution environment: a process that runs the function's handler, one invocation at a time, and the Runtime API
 * that it takes them from. It starts on construction and lasts until `end`, a timeout or its own death.
 */
export class Environment {
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

  /** Resolves when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Runs one invocation. To be called when `started` said "ready" and the last invocation is over. */
  run(payload: string): Promise<EnvironmentOutcome> {
    const { clock, config } = this.#options;
    if (this.#isEnding || !this.#api) return Promise.resolve({ kind: "not-taken" });
    const { promise, resolve } = Promise.withResolvers<EnvironmentOutcome>();
    const requestId = randomUUID();
    const timer = clock.at(clock.now() + config.timeoutMs, () => this.#timeOut());
    const startMs = performance.now();
    this.#running = { requestId, startMs, timer, settle: resolve, isTaken: false, hasTimedOut: false };
    this.#logRequestId = requestId;
    this.#api.offer({
      requestId,
      payload,
      deadlineMs: Date.now() + config.timeoutMs,
      functionArn: functionArn(config.name, this.#options),
      traceId: traceId(),
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
        if (this.#running) this.#running.isTaken = true;
      },
      onResponse: (payload) => this.#settle((run) => ({ kind: "succeeded", payload, ...run })),
      onError: (error) => this.#settle((run) => ({ kind: "failed", ...error, ...run })),
      onInitError: (error) => {
        this.#initError = error;
      },
    });
    if (this.#isEnding) return this.#finish("was ended");
    const child = spawnRuntime(this.#options, this.#api.address);
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
      // After the error itself comes Node's print of it, which is no line of the function.
      if (!this.#initError || stream === "stdout")
        onLog({ functionName: config.name, ...(requestId ? { requestId } : {}), stream, text });
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

function spawnRuntime({ config, ...place }: EnvironmentOptions, apiAddress: string): ChildProcess {
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "/");
  const logStreamName = `${day}/[$LATEST]${randomBytes(16).toString("hex")}`;
  // A tenth of the memory for young objects, the rest for old ones, as Lambda's own start script divides it.
  const youngMb = Math.floor(config.memoryMb / 10);
  const heap = [
    `--max-semi-space-size=${Math.floor(youngMb / 2)}`,
    `--max-old-space-size=${config.memoryMb - youngMb}`,
  ];
  const inspector = config.inspect ? ["--inspect=127.0.0.1:0"] : [];
  return spawn(process.execPath, [...heap, ...inspector, fileURLToPath(new URL("./bootstrap.ts", import.meta.url))], {
    cwd: place.root,
    env: environmentVariables(config, place, { apiAddress, logStreamName }),
    // The fourth is the pipe that tells the process that its parent is gone.
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A process group of its own, which can be killed as a whole and which a terminal's Ctrl-C does not reach.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** A trace that is not sampled, in the form that X-Ray gives it. */
function traceId(): string {
  const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
  return `Root=1-${hex(4)}-${hex(12)};Parent=${hex(8)};Sampled=0`;
}

function describeExit({ code, signal }: Exit): string {
  if (signal) return `exited with error: signal: ${signal}`;
  return code === 0 ? "exited without providing a reason" : `exited with error: exit status ${code}`;
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
