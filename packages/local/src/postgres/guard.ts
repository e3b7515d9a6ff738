import { type ChildProcess, spawn } from "node:child_process";

/**
 * Starts a command that ends with this process, however this process ends: a small shell in a session of its own (a
 * Ctrl-C in the terminal does not reach it) runs the command and interrupts it with SIGINT when its standard input, a
 * pipe that only this process holds, is closed. SIGINT is PostgreSQL's fast shutdown.
 */
export interface Guarded {
  /** What the command wrote last to its standard output and error, at most 100 lines. */
  lastLines(): string[];
  /** Calls `listener` with every line that the command writes from now on. */
  onLine(listener: (line: string) => void): void;
  /** Resolves with the command's exit status, 128 + n when it ended by signal n; null when the shell itself was killed. */
  readonly exited: Promise<number | null>;
  /** Interrupts the command with SIGINT. */
  interrupt(): void;
}

/** The account that a command is run as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const keptLines = 100;

/**
 * `<&3` and not the shell's standard input in the reader, because a shell gives its background jobs /dev/null. The
 * reader is stopped when the command has ended, so that nothing is left behind.
 */
const script = `
exec 3<&0 </dev/null
"$@" 3<&- &
command=$!
( while read -r line; do :; done <&3; kill -INT "$command" ) >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$command"
status=$?
kill "$reader" 2>/dev/null
exit "$status"
`;

export interface GuardOptions {
  /** Whom the command is run as; only root can ask for it. Default: this process's own account. */
  readonly account: Account | undefined;
  /** Default: the root folder. */
  readonly cwd?: string;
}

/** Starts `command`, whose first word is the program's path, under a guard. */
export function spawnGuarded(command: readonly string[], { account, cwd = "/" }: GuardOptions): Guarded {
  const child = spawn("/bin/sh", ["-c", script, "tendril-guard", ...command], {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    stdio: ["pipe", "pipe", "pipe"],
    ...account,
  });
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  const take = (line: string): void => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    for (const listener of listeners) listener(line);
  };
  readLines(child.stdout, take);
  readLines(child.stderr, take);
  child.stdin.on("error", () => {});
  return {
    lastLines: () => [...lines],
    onLine: (listener) => void listeners.push(listener),
    exited: exitOf(child),
    interrupt: () => child.stdin.end(),
  };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
}

function readLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) take(line);
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
}
