import type { Clock, ClockTimer } from "../clock.ts";
import { Environment, type EnvironmentOptions, type InvokeOptions, type Started } from "./environment.ts";
import type { FunctionConfig } from "./function-config.ts";
import { describeInitError, type InitError } from "./init-error.ts";
import { type InitFailed, type Invocation, maxPayloadBytes } from "./invocation.ts";

export interface FunctionPoolOptions extends EnvironmentOptions {
  readonly clock: Clock;
  /** Milliseconds that an environment waits for its next invocation before it ends. */
  readonly idleMs: number;
  readonly onInitError: (error: InitError) => void;
}

/** Whether the function's present code loads. */
export type Warmth = { readonly kind: "ready" } | InitFailed;

interface IdleEnvironment {
  readonly environment: Environment;
  readonly timer: ClockTimer;
}

/**
 * The environments of one function. An invocation takes the environment that was idle last, or one that was started
 * ahead, or a new one. Environments of code that has changed since run no further invocation.
 */
export class FunctionPool {
  #options: FunctionPoolOptions;
  readonly #all = new Set<Environment>();
  readonly #ahead = new Set<Environment>();
  #idle: IdleEnvironment[] = [];
  /** Environments started with the present code. */
  #current = new WeakSet<Environment>();
  #broken: InitFailed | undefined;
  #hasLoaded = false;
  #running = 0;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: FunctionPoolOptions) {
    this.#options = options;
  }

  async invoke(payload: string, options: InvokeOptions = {}): Promise<Invocation> {
    const { reservedConcurrency } = this.#options.config;
    if (this.#isClosed) throw this.#closedError();
    if (reservedConcurrency !== undefined && this.#running >= reservedConcurrency) return { kind: "throttled" };
    const bytes = Buffer.byteLength(payload);
    if (bytes > maxPayloadBytes) return payloadTooLarge(bytes);
    this.#running++;
    try {
      return await this.#run(payload, options);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }

  /** Starts an environment ahead, unless the present code has loaded already, and says whether it loads. */
  async warm(): Promise<Warmth> {
    while (!this.#hasLoaded && !this.#broken && !this.#isClosed) {
      const [started] = this.#ahead;
      const environment = started ?? this.#startAhead();
      this.#learn(environment, await environment.started);
    }
    return this.#broken ?? { kind: "ready" };
  }

  /** The function as it is from now on. */
  configure(config: FunctionConfig): void {
    this.#options = { ...this.#options, config };
    this.reload();
  }

  /** Forgets what is known of the code: idle environments end, busy ones after their invocation. */
  reload(): void {
    this.#current = new WeakSet();
    this.#broken = undefined;
    this.#hasLoaded = false;
    for (const { environment, timer } of this.#idle.splice(0)) {
      timer.cancel();
      void environment.end();
    }
    for (const environment of this.#ahead) void environment.end();
    this.#ahead.clear();
  }

  /** Those that have not ended. */
  get environments(): readonly Environment[] {
    return [...this.#all];
  }

  /** Takes no more invocations, waits for those that run until `bound` resolves, then ends every process. */
  async close(bound: Promise<unknown>): Promise<void> {
    this.#isClosed = true;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    if (this.#running > 0) await Promise.race([idle, bound]);
    for (const { timer } of this.#idle) timer.cancel();
    await Promise.all([...this.#all].map((environment) => environment.end()));
  }

  async #run(payload: string, options: InvokeOptions): Promise<Invocation> {
    while (!this.#broken) {
      if (this.#isClosed) throw this.#closedError();
      const environment = this.#take();
      const started = await environment.started;
      this.#learn(environment, started);
      if (started.kind !== "ready") continue;
      if (!this.#current.has(environment)) {
        void environment.end();
        continue;
      }
      const outcome = await environment.run(payload, options);
      if (outcome.kind === "not-taken") continue;
      if (outcome.kind === "succeeded" || outcome.kind === "failed") this.#release(environment);
      return outcome;
    }
    return this.#broken;
  }

  #take(): Environment {
    const idle = this.#idle.pop();
    if (idle) {
      idle.timer.cancel();
      return idle.environment;
    }
    const [ahead] = this.#ahead;
    if (ahead) this.#ahead.delete(ahead);
    return ahead ?? this.#start();
  }

  #start(): Environment {
    const environment = new Environment(this.#options);
    this.#all.add(environment);
    this.#current.add(environment);
    void environment.ended.then(() => {
      this.#all.delete(environment);
      this.#ahead.delete(environment);
      this.#idle = this.#idle.filter((idle) => idle.environment !== environment);
    });
    return environment;
  }

  #startAhead(): Environment {
    const environment = this.#start();
    this.#ahead.add(environment);
    void environment.started.then((started) => {
      // An invocation may have taken it meanwhile.
      if (this.#ahead.delete(environment) && started.kind === "ready") this.#release(environment);
    });
    return environment;
  }

  #release(environment: Environment): void {
    if (this.#isClosed || !this.#current.has(environment)) return void environment.end();
    const { clock, idleMs } = this.#options;
    const timer = clock.at(clock.now() + idleMs, () => void environment.end());
    this.#idle.push({ environment, timer });
  }

  #closedError(): Error {
    return new Error(`Function ${this.#options.config.name} takes no more invocations`);
  }

  /** Remembers whether the present code loads; what old code did, or a closed pool's, says nothing. */
  #learn(environment: Environment, started: Started): void {
    if (!this.#current.has(environment) || this.#isClosed) return;
    if (started.kind === "ready") {
      this.#hasLoaded = true;
      return;
    }
    if (this.#broken) return;
    const { errorType, errorMessage, trace } = started;
    this.#broken = { kind: "init-failed", errorType, errorMessage, trace };
    this.#options.onInitError(describeInitError(this.#options.config.name, started, this.#options.root));
  }
}

function payloadTooLarge(bytes: number): Invocation {
  const errorMessage = `${bytes} byte payload is too large for the RequestResponse invocation type (limit ${maxPayloadBytes} bytes)`;
  return {
    kind: "failed",
    errorType: "RequestTooLargeException",
    errorMessage,
    trace: [],
    requestId: "",
    durationMs: 0,
  };
}
