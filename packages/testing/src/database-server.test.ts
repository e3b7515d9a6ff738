import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { portOf, useDatabaseServer } from "./database-server.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tendril-server-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const graceMs = 300;
const use = () => useDatabaseServer({ folder, graceMs });

/** A process that uses the server, says where it is, and stays. */
async function useInChild(): Promise<{ child: ChildProcess; url: string }> {
  const script = `
    import { portOf, useDatabaseServer } from ${JSON.stringify(new URL("./database-server.ts", import.meta.url).href)};
    console.log((await useDatabaseServer(${JSON.stringify({ folder, graceMs })})).url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [url]: string[] = await once(createInterface(child.stdout), "line");
  return { child, url: url ?? "" };
}

async function select(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query("select 1 as one")).rows;
  } finally {
    await client.end();
  }
}

function isListening(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
  });
}

test("is one for all processes, outlives the one that started it, and ends with the last, also when that is killed", async () => {
  const first = await useInChild();
  const [second, here, again] = await Promise.all([useInChild(), use(), use()]);
  expect([second.url, here.url, again.url]).toEqual([first.url, first.url, first.url]);

  first.child.kill("SIGKILL");
  here.release();
  again.release();
  expect(await select(second.url)).toEqual([{ one: 1 }]);

  second.child.kill("SIGKILL");
  await expect.poll(() => isListening(second.url), { timeout: 20_000 }).toBe(false);
});

test("starts again on what an earlier one has left", async () => {
  const server = await use();
  expect(await select(server.url)).toEqual([{ one: 1 }]);
  server.release();
  await expect.poll(() => isListening(server.url), { timeout: 20_000 }).toBe(false);
});

test("is found on another port when a stranger has its own", async () => {
  const moved = `${folder}-moved`;
  renameSync(folder, moved);
  folder = moved; // with its data, so that nothing has to be made anew
  const stranger = net.createServer((socket) => socket.on("error", () => {}).write("220 who is there?\r\n"));
  stranger.listen(portOf(folder, 0), "127.0.0.1");
  await once(stranger, "listening");
  const [one, other] = await Promise.all([use(), use()]);
  expect(one.url).toBe(other.url);
  expect(await select(one.url)).toEqual([{ one: 1 }]);
  one.release();
  other.release();
  stranger.close();
  await expect.poll(() => isListening(one.url), { timeout: 20_000 }).toBe(false);
});

test("a tier runs under node:test, and its process ends by itself", async () => {
  const file = join(folder, "kit.test.mjs");
  const source = `
    import { test } from "node:test";
    import assert from "node:assert/strict";
    import { handle } from ${JSON.stringify(import.meta.resolve("@tendril/core/handler"))};
    import { defineJob } from ${JSON.stringify(import.meta.resolve("@tendril/core/job"))};
    import { createTestTier } from ${JSON.stringify(new URL("./test-tier.ts", import.meta.url).href)};
    const input = { "~standard": { version: 1, vendor: "here", validate: (value) => ({ value }) } };
    const Job = defineJob({ type: "Job", input });
    const handlers = [handle(Job, async (data) => ({ data }))];
    test("runs", async () => {
      const t = await createTestTier({ tier: { name: "node", queues: { jobs: {} }, jobs: [Job] }, handlers });
      const { outcome, result } = await t.run(Job, "x");
      assert.deepEqual({ outcome, result }, { outcome: "done", result: { data: "x" } });
      await t.close();
    });`;
  await writeFile(file, source);
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ["--test", file], { env });
  expect(stdout).toMatch(/pass 1\n/);
});
