import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { environmentVariables, type FunctionConfig, type FunctionPlace } from "./function-config.ts";

const ownRuntime = fileURLToPath(new URL("./bootstrap.ts", import.meta.url));

export interface RuntimeProcessOptions extends FunctionPlace {
  readonly config: FunctionConfig;
  /** The file that Node runs. Default: the runtime of this project. */
  readonly runtime?: string;
}

/** Starts a process that takes a function's invocations from the Runtime API at `apiAddress`. */
export function spawnRuntime(
  { config, runtime, ...place }: RuntimeProcessOptions,
  own: { readonly apiAddress: string; readonly accessKeyId: string },
): ChildProcess {
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "/");
  const logStreamName = `${day}/[$LATEST]${randomBytes(16).toString("hex")}`;
  // A tenth of the memory for young objects, the rest for old ones, as Lambda's own start script divides it.
  const youngMb = Math.floor(config.memoryMb / 10);
  const heap = [
    `--max-semi-space-size=${Math.floor(youngMb / 2)}`,
    `--max-old-space-size=${config.memoryMb - youngMb}`,
  ];
  const inspector = config.inspect ? ["--inspect=127.0.0.1:0"] : [];
  return spawn(process.execPath, [...heap, ...inspector, runtime ?? ownRuntime], {
    cwd: place.root,
    env: environmentVariables(config, place, { ...own, logStreamName }),
    // The fourth is the pipe that tells the process that its parent is gone.
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A process group of its own, which can be killed as a whole and which a terminal's Ctrl-C does not reach.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
}

/** Kills the process and what it has started; does nothing when they have ended. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** As Lambda words it, after "Error: Runtime ". */
export function describeExit({ code, signal }: Exit): string {
  if (signal) return `exited with error: signal: ${signal}`;
  return code === 0 ? "exited without providing a reason" : `exited with error: exit status ${code}`;
}
