import { rm } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { findBinaries } from "./binaries.ts";
import { findPlace, type Place, prepareDataFolder, spawnProgram } from "./data-folder.ts";
import type { Guarded } from "./guard.ts";
import { stopLeftover } from "./leftover.ts";

/** A running PostgreSQL server, the child of this process: it stops when this process ends, however it ends. */
export interface Postgres {
  /** postgres://postgres@127.0.0.1:PORT/tendril; no password is asked for on the loopback address. */
  readonly url: string;
  readonly port: number;
  /** Resolves when the server has ended, with the reason when it ended by itself. Never rejects. */
  readonly exited: Promise<PostgresEnd>;
  /** Ends every session and stops the server (fast shutdown); resolves when it has ended. May be called again. */
  stop(): Promise<void>;
}

export type PostgresEnd = { readonly kind: "stopped" } | { readonly kind: "died"; readonly reason: string };

export interface PostgresOptions {
  /** The folder that the server's data is kept in; made when it is missing. One server at a time. */
  readonly dir: string;
  /** The port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Takes the few lines that say what is being done. PostgreSQL's own log is not among them. */
  readonly log: (line: string) => void;
  /**
   * Whether a commit waits for the disk. Without, a power cut may damage the data: for what can be made again; and there may
   * be 500 connections instead of 300. Default true.
   */
  readonly durable?: boolean;
}

/** Another process listens on the wanted port. */
export class PortInUseError extends Error {
  override readonly name = "PortInUseError";
  readonly code = "EADDRINUSE";
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} on 127.0.0.1 is in use. Stop the program that listens there, or choose another port.`);
    this.port = port;
  }
}

/** The database that the tier's tables are in. */
const databaseName = "tendril";

/** Small, durable, in UTC, and silent about failing statements, which their callers hear of. */
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "300",
  shared_buffers: "32MB",
  max_wal_size: "256MB",
  fsync: "on",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  lc_messages: "C",
  log_min_messages: "log",
  log_checkpoints: "off",
};

/** For data that can be made again: tests, of which many run at the same time. */
const hasty = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "500" };

/** Throws away the data that `startPostgres` keeps in `dir`, stopping a server that was left running on it. */
export async function dropPostgres(dir: string): Promise<void> {
  const { dataDir } = findPlace(path.resolve(dir), findBinaries());
  await stopLeftover(dataDir, () => {});
  await rm(dir, { recursive: true, force: true });
}

/**
 * Starts PostgreSQL 17 on 127.0.0.1 from the programs of the npm package, with its data in `dir` and the database
 * `tendril`; the first start makes both. A server that was left running on the data is stopped first. As root, it is
 * run as "nobody". Throws PortInUseError; and an Error with PostgreSQL's last lines when it does not start, when the
 * programs are not installed, or when the data is another major version's.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dir = path.resolve(options.dir);
  const place = findPlace(dir, findBinaries());
  await stopLeftover(place.dataDir, options.log);
  if (options.port !== 0) await checkFree(options.port);
  await prepareDataFolder(place, options.log);
  const { server, port } = await launch(place, options);
  const running = control(server, place.dataDir);
  try {
    await ensureDatabase(port);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { url: urlOf(port, databaseName), port, ...running };
}

function control(server: Guarded, dataDir: string): Pick<Postgres, "exited" | "stop"> {
  let wanted = false;
  const exited = server.exited.then((status): PostgresEnd => {
    if (wanted) return { kind: "stopped" };
    return { kind: "died", reason: `PostgreSQL ended by itself (${status}):\n${server.lastLines().join("\n")}` };
  });
  const stop = async (): Promise<void> => {
    wanted = true;
    server.interrupt();
    await Promise.race([exited, delay(15_000, undefined, { ref: false })]);
    await stopLeftover(dataDir, () => {});
    await exited;
  };
  return { exited, stop };
}

/** How often a start is tried again: on another free port, or while killed sessions of a former server end. */
const mostTries = 50;

async function launch(
  place: Place,
  { port: wantedPort, durable = true }: PostgresOptions,
): Promise<{ server: Guarded; port: number }> {
  const set = Object.entries({ ...settings, ...(durable ? {} : hasty) }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  for (let tries = 1; ; tries++) {
    const port = wantedPort === 0 ? await freePort() : wantedPort;
    const server = spawnProgram(place, "postgres", place.dataDir, ["-p", String(port), ...set]);
    if (await isReady(server)) return { server, port };
    const said = server.lastLines().join("\n");
    const portTaken = said.includes("could not bind");
    if (portTaken && wantedPort !== 0) throw new PortInUseError(port);
    const mayPass = portTaken || said.includes("pre-existing shared memory block");
    if (!mayPass || tries === mostTries) throw new Error(`PostgreSQL does not start:\n${said}`);
    await delay(100);
  }
}

function isReady(server: Guarded): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.onLine((line) => {
      if (line.includes("database system is ready to accept connections")) resolve(true);
    });
    server.exited.then(() => resolve(false), reject);
  });
}

async function ensureDatabase(port: number): Promise<void> {
  try {
    await run(urlOf(port, databaseName), "select 1");
  } catch (error) {
    const isMissing = error instanceof pg.DatabaseError && error.code === "3D000";
    if (!isMissing) throw error;
    await run(urlOf(port, "postgres"), `create database ${databaseName}`);
  }
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, ssl: false });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

const urlOf = (port: number, database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;

/** Throws PortInUseError when something listens on the port of 127.0.0.1. */
async function checkFree(port: number): Promise<void> {
  await listenOnce(port).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EADDRINUSE" ? new PortInUseError(port) : error;
  });
}

const freePort = (): Promise<number> => listenOnce(0);

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
