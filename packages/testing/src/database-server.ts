import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { TendrilError } from "@tendril/core/errors";
import { type Greeting, readGreeting } from "./database-greeting.ts";

/** A PostgreSQL that this process shares with others. */
export interface DatabaseServer {
  /** Of its database `tendril`; whoever connects is its superuser. */
  readonly url: string;
  /** Says that it is not needed any more. It also ends when this process does. */
  release(): void;
}

/** How a shared PostgreSQL is found. */
export interface DatabaseServerOptions {
  /** Where its data is kept: who names the same folder shares it. Default: one for this user, among temporary files. */
  readonly folder?: string;
  /** How long it outlives its last user, in milliseconds. Default 5,000: the next test file finds it running. */
  readonly graceMs?: number;
}

/** How long a PostgreSQL may take to start, in milliseconds; the first one makes its data folder. */
const patienceMs = 60_000;

/** How long a holder may take to say that it is one, in milliseconds. */
const introductionMs = 5000;

/** Ports on which the holder may be, when other programs have the first ones. */
const portsTried = 5;

/**
 * The PostgreSQL of this user's tests. The first who asks starts it, in a process of its own; all others, in any process,
 * share it; it stops a few seconds after the last of them has released it or ended, also when that was killed.
 * Error: `postgres_unavailable`.
 */
export async function useDatabaseServer(options: DatabaseServerOptions = {}): Promise<DatabaseServer> {
  const { folder = join(os.tmpdir(), `tendril-testing-${process.getuid?.() ?? "user"}`), graceMs = 5000 } = options;
  mkdirSync(folder, { recursive: true });
  const untilMs = Date.now() + patienceMs;
  let spawned = false;
  for (let place = 0; place < portsTried; ) {
    const port = portOf(folder, place);
    const found = await knock(port, folder, untilMs);
    if (found === "foreign") {
      place += 1;
      spawned = false;
    } else if (found !== "nobody") {
      const { socket, said } = found;
      if (said.kind === "ready") return { url: said.url, release: () => socket.destroy() };
      socket.destroy();
      throw unavailable(folder, said.error);
    } else if (Date.now() > untilMs) {
      throw unavailable(folder, `no answer within ${patienceMs / 1000} seconds; ${logOf(folder)} may say why`);
    } else {
      if (!spawned) spawnHolder(folder, port, graceMs);
      spawned = true;
      await pause(20);
    }
  }
  throw unavailable(folder, `other programs on the ports ${portOf(folder, 0)} to ${portOf(folder, portsTried - 1)}`);
}

/** Where a folder's holder listens: the same for all who name it, below the ports that systems give out by themselves. */
export function portOf(folder: string, place: number): number {
  return 20_000 + (createHash("sha256").update(folder).digest().readUInt32BE(0) % 10_000) + place;
}

type Answer = Exclude<Greeting, { kind: "starting" }>;

type Knock = "nobody" | "foreign" | { readonly socket: net.Socket; readonly said: Answer };

/** Connects to the holder on a port, and waits until its PostgreSQL runs. */
function knock(port: number, folder: string, untilMs: number): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    const end = (result: Knock): void => {
      clearTimeout(timer);
      if (typeof result === "string") socket.destroy();
      else socket.unref();
      resolve(result);
    };
    let timer = setTimeout(() => end("foreign"), introductionMs);
    socket.on("error", () => end("nobody"));
    socket.on("close", () => end("nobody"));
    const lines = createInterface(socket);
    lines.on("error", () => end("nobody"));
    lines.on("line", (line) => {
      const said = readGreeting(line, folder);
      if (said?.kind === "starting") {
        clearTimeout(timer);
        timer = setTimeout(() => end("nobody"), Math.max(1, untilMs - Date.now()));
      } else end(said === undefined ? "foreign" : { socket, said });
    });
  });
}

const logOf = (folder: string): string => join(folder, "holder.log");

function spawnHolder(folder: string, port: number, graceMs: number): void {
  const file = fileURLToPath(new URL("./database-holder.ts", import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const log = openSync(logOf(folder), "w");
  const child = spawn(process.execPath, [file, folder, String(port), String(graceMs)], {
    cwd: folder,
    detached: true,
    env,
    stdio: ["ignore", "ignore", log],
  });
  child.on("error", () => {});
  child.unref();
  closeSync(log);
}

function unavailable(folder: string, given: string): TendrilError {
  return new TendrilError("postgres_unavailable", {
    where: folder,
    given,
    allowed: "a PostgreSQL that starts",
    fix: "Mend what it says, or give `databaseUrl`: a PostgreSQL of your own.",
  });
}
