import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Postgres, startPostgres } from "./postgres.ts";

/** A data folder as the first start leaves it, which most tests begin with a copy of. */
let made: string;
let dir: string;
let started: Postgres[];
let said: string[];

beforeAll(async () => {
  made = mkdtempSync(path.join(os.tmpdir(), "tendril-postgres-"));
  await (await startPostgres({ dir: made, port: 0, log: () => {} })).stop();
});

afterAll(() => rmSync(made, { recursive: true, force: true }));

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "tendril-postgres-"));
  started = [];
  said = [];
});

afterEach(async () => {
  await Promise.all(started.map((postgres) => postgres.stop()));
  rmSync(dir, { recursive: true, force: true });
});

const useMade = (): Buffer => execFileSync("cp", ["-a", path.join(made, "data"), dir]);

async function start(port = 0): Promise<Postgres> {
  const postgres = await startPostgres({ dir, port, log: (line) => said.push(line) });
  started.push(postgres);
  return postgres;
}

async function select(postgres: { url: string }, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows.flat();
  } finally {
    await client.end();
  }
}

const serverPid = (): number => Number.parseInt(readFileSync(path.join(dir, "data", "postmaster.pid"), "utf8"), 10);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

describe("the first start", () => {
  test("makes a database in UTF-8 and UTC, durable, on the loopback address only", async () => {
    const postgres = await start();
    expect(postgres.url).toBe(`postgres://postgres@127.0.0.1:${postgres.port}/tendril`);
    const settings = ["server_encoding", "timezone", "fsync", "listen_addresses", "unix_socket_directories"];
    const sql = `select ${settings.map((name) => `current_setting('${name}')`).join()}, current_database(), lower('ÄΣ')`;
    expect(await select(postgres, sql)).toEqual(["UTF8", "UTC", "on", "127.0.0.1", "", "tendril", "äσ"]);
    expect((await select(postgres, "show server_version"))[0]).toMatch(/^17\./);
    expect(said).toEqual([`making a PostgreSQL 17 data folder in ${path.join(dir, "data")}`]);
  });

  test("begins anew where an earlier one was cut off", async () => {
    mkdirSync(path.join(dir, "data.new-1"));
    writeFileSync(path.join(dir, "data.new-1", "PG_VERSION"), "17\n");
    expect(await select(await start(), "select 1")).toEqual([1]);
    expect(existsSync(path.join(dir, "data.new-1"))).toBe(false);
  });
});

describe("a later start", () => {
  beforeEach(useMade);

  test("finds what was written", async () => {
    const first = await start();
    await select(first, "create table kept as select 42 as answer");
    await first.stop();
    expect(await first.exited).toEqual({ kind: "stopped" });
    expect(await select(await start(), "select answer from kept")).toEqual([42]);
    expect(said).toEqual([]);
  });

  test("makes the database again when it was dropped", async () => {
    const first = await start();
    await select({ url: first.url.replace("/tendril", "/postgres") }, "drop database tendril");
    await first.stop();
    expect(await select(await start(), "select current_database()")).toEqual(["tendril"]);
  });

  test("refuses the data of another major version", async () => {
    await (await start()).stop();
    writeFileSync(path.join(dir, "data", "PG_VERSION"), "16\n");
    await expect(start()).rejects.toThrow("was made by PostgreSQL 16, this is PostgreSQL 17");
  });

  test("passes over a pid file that names some other process", async () => {
    await (await start()).stop();
    writeFileSync(path.join(dir, "data", "postmaster.pid"), `${process.pid}\n${path.join(dir, "data")}\n`);
    expect(await select(await start(), "select 1")).toEqual([1]);
  });

  test("fails with PostgreSQL's own words when the data is damaged", async () => {
    await (await start()).stop();
    rmSync(path.join(dir, "data", "global", "pg_control"));
    await expect(start()).rejects.toThrow(/PostgreSQL does not start:[\s\S]*pg_control/);
  });
});

describe("a port in use", () => {
  beforeEach(useMade);

  test("is an error with its number", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start(port)).rejects.toMatchObject({
      code: "EADDRINUSE",
      port,
      message: expect.stringContaining(`Port ${port} on 127.0.0.1 is in use`),
    });
    other.close();
    await once(other, "close");
    expect((await start(port)).port).toBe(port);
  });
});

describe("the end", () => {
  beforeEach(useMade);

  test("of the server by itself is told, with its last words", async () => {
    const postgres = await start();
    process.kill(serverPid(), "SIGQUIT");
    expect(await postgres.exited).toMatchObject({
      kind: "died",
      reason: expect.stringContaining("immediate shutdown"),
    });
    await postgres.stop();
  });

  test("comes once, however often it is asked for, and ends open sessions", async () => {
    const postgres = await start();
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const lost = once(client, "error");
    client.on("error", () => {});
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.stop();
    expect(await lost).toMatchObject([{ code: "57P01" }]);
    expect(existsSync(path.join(dir, "data", "postmaster.pid"))).toBe(false);
  });

  test.skipIf(process.platform !== "linux")(
    "follows the process that started it, even when that is killed",
    async () => {
      const child = await startInChild();
      const server = serverPid();
      expect(isRunning(server)).toBe(true);
      child.kill("SIGKILL");
      await expect.poll(() => isRunning(server), { timeout: 10_000 }).toBe(false);
      expect(await select(await start(), "select answer from written")).toEqual([42]);
    },
  );

  test.skipIf(process.platform !== "linux")("of a server that was left running comes at the next start", async () => {
    const child = await startInChild();
    const server = serverPid();
    process.kill(parentOf(server), "SIGKILL");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isRunning(server)).toBe(true);
    const postgres = await start();
    expect(isRunning(server)).toBe(false);
    expect(said).toEqual([expect.stringContaining(`(process ${server}) that was left running`)]);
    expect(await select(postgres, "select answer from written")).toEqual([42]);
  });
});

describe("the data folder", () => {
  test("may lie below a folder that only its owner can enter", async () => {
    chmodSync(dir, 0o700);
    expect(await select(await start(), "select 1")).toEqual([1]);
    expect(existsSync(path.join(dir, "data"))).toBe(true);
  });

  test.runIf(process.getuid?.() === 0)(
    "may be an ordinary user's, and stays so when root starts the server",
    async () => {
      const ordinary = { uid: 1, gid: 1 };
      chmodSync(dir, 0o777);
      const child = await startInChild(ordinary);
      child.kill("SIGKILL");
      expect(await select(await start(), "select answer from written")).toEqual([42]);
      expect(Number(readFileSync(`/proc/${serverPid()}/status`, "utf8").match(/^Uid:\s(\d+)/m)?.[1])).toBe(
        ordinary.uid,
      );
    },
  );
});

/** Starts a server in a process of its own, which writes a row and then stays. */
async function startInChild(account?: { uid: number; gid: number }) {
  const script = `
    import pg from "${import.meta.resolve("pg")}";
    import { startPostgres } from "${new URL("./postgres.ts", import.meta.url)}";
    const postgres = await startPostgres({ dir: ${JSON.stringify(dir)}, port: 0, log: () => {} });
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query("create table written as select 42 as answer");
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    ...account,
  });
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([once(lines, "line"), once(lines, "close")]);
  expect(line).toBe("ready");
  return child;
}

const parentOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^PPid:\s(\d+)/m)?.[1]);
