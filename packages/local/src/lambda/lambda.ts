import { stat } from "node:fs/promises";
import { type Clock, systemClock } from "../clock.ts";
import type { InvokeOptions } from "./environment.ts";
import { checkEnvironment, type FunctionConfig, functionArn } from "./function-config.ts";
import { FunctionPool, type Warmth } from "./function-pool.ts";
import type { InitError } from "./init-error.ts";
import type { FunctionLogLine, Invocation } from "./invocation.ts";

export interface LambdaOptions {
  /** Timeouts and idle times wait on it. The processes themselves see the machine's time. */
  readonly clock: Clock;
  /** The project's root: handlers are named below it, and functions run in it. */
  readonly root: string;
  readonly region: string;
  readonly accountId: string;
  /** Called for every line that a function writes. */
  readonly onLog: (line: FunctionLogLine) => void;
  /** Called once when a function's handler does not load, and again only after `reload`. */
  readonly onInitError: (error: InitError) => void;
  /** Milliseconds that an unused environment is kept. Default: 300,000. */
  readonly idleMs?: number;
  /**
   * Milliseconds that a handler may take to load, before the function's timeout is added to it. Default: 10,000, as
   * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib has it.
   */
  readonly initMs?: number;
  /**
   * The file that Node runs in every process, e.g. that of AWS's own runtime client. Default: the runtime of this
   * project, which also runs TypeScript and ends with its parent.
   */
  readonly runtime?: string;
}

/** A process that runs a function's invocations, one after the other. */
export interface FunctionEnvironment {
  readonly functionName: string;
  /** That of its credentials, no other environment's. */
  readonly accessKeyId: string;
  /** That of the invocation that it runs, or ran last. */
  readonly requestId: string | undefined;
  /** Kills the process, as when it runs out of memory; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Lambda on this machine: functions in processes of their own, one invocation at a time in each. */
export interface Lambda {
  /** Adds a function, or changes the one of that name. Throws what Lambda would refuse in its variables. */
  define(config: FunctionConfig): void;
  /**
   * Runs the function with a JSON payload and waits for its end; a function that fails is an answer, not a rejection.
   * Rejects for a name that is not defined and after `close`.
   */
  invoke(name: string, payload: string, options?: InvokeOptions): Promise<Invocation>;
  /** Says whether the function's present code loads, starting one environment ahead when none has loaded it yet. */
  warm(name: string): Promise<Warmth>;
  /** The environments of all functions. */
  environments(): readonly FunctionEnvironment[];
  /** The code has changed: idle environments end, busy ones after their invocation, init errors are forgotten. */
  reload(): void;
  /** Calls `run` after every `reload`, until the returned function is called. */
  onReload(run: () => void): () => void;
  /** Takes no more invocations, waits for those that run, at most `graceMs` (default 10,000), and ends every process. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const defaults = { idleMs: 5 * 60_000, initMs: 10_000 };
const defaultGraceMs = 10_000;

/** Rejects when `root` is not a folder. */
export async function createLambda(options: LambdaOptions): Promise<Lambda> {
  if (!(await stat(options.root)).isDirectory()) throw new Error(`${options.root} is not a folder`);
  const pools = new Map<string, FunctionPool>();
  const reloadListeners = new Set<() => void>();
  const pool = (name: string): FunctionPool => {
    const found = pools.get(name);
    if (!found) throw new Error(`Function not found: ${functionArn(name, options)}`);
    return found;
  };
  return {
    define(config) {
      checkEnvironment(config);
      const known = pools.get(config.name);
      if (known) known.configure(config);
      else pools.set(config.name, new FunctionPool({ ...defaults, ...options, config }));
    },
    invoke: async (name, payload, invokeOptions) => pool(name).invoke(payload, invokeOptions),
    warm: async (name) => pool(name).warm(),
    environments: () =>
      [...pools].flatMap(([functionName, { environments }]) =>
        environments.map((environment) => ({
          functionName,
          accessKeyId: environment.accessKeyId,
          requestId: environment.requestId,
          kill: () => environment.end(),
        })),
      ),
    reload() {
      for (const each of pools.values()) each.reload();
      for (const run of reloadListeners) run();
    },
    onReload(run) {
      reloadListeners.add(run);
      return () => void reloadListeners.delete(run);
    },
    async close({ graceMs = defaultGraceMs } = {}) {
      // The end of real processes is waited for in real time.
      const machine = systemClock();
      const bound = Promise.withResolvers<void>();
      const timer = machine.at(machine.now() + graceMs, bound.resolve);
      await Promise.all([...pools.values()].map((each) => each.close(bound.promise)));
      timer.cancel();
    },
  };
}
