import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStateFolder } from "./state-folder.ts";

let path: string;

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "tendril-state-")), ".tendril");
});

afterEach(() => rm(join(path, ".."), { recursive: true, force: true }));

/** A process that runs until it is killed, with its number. */
async function someProcess() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}

test("is made with its version, and given free for the next", async () => {
  await (await openStateFolder(path, { fresh: false })).release();
  expect(await readFile(join(path, "version"), "utf8")).toBe("1\n");
  await (await openStateFolder(path, { fresh: false })).release();
});

test("is taken over from a process that was killed", async () => {
  const child = await someProcess();
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "lock"), `${child.pid}\n`);
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await openStateFolder(path, { fresh: false })).release();
});

test("is waited for while its process is stopping, and refused while it runs", async () => {
  const child = await someProcess();
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "lock"), `${child.pid}\n`);
  await expect(openStateFolder(path, { fresh: false, patienceMs: 0 })).rejects.toMatchObject({
    code: "state_locked",
    message: expect.stringContaining(`process ${child.pid} holds`),
  });
  const opening = openStateFolder(path, { fresh: false });
  child.kill("SIGKILL");
  await (await opening).release();
});

test("is never held twice, however many ask at once", async () => {
  const results = await Promise.allSettled([1, 2, 3].map(() => openStateFolder(path, { fresh: false, patienceMs: 0 })));
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
});

test("of another version is refused and stays as it is; fresh empties it", async () => {
  await mkdir(join(path, "sqs"), { recursive: true });
  await writeFile(join(path, "version"), "2\n");
  await writeFile(join(path, "sqs", "journal.jsonl"), "kept");
  await expect(openStateFolder(path, { fresh: false })).rejects.toMatchObject({ code: "state_version_unsupported" });
  expect(await readFile(join(path, "sqs", "journal.jsonl"), "utf8")).toBe("kept");

  await (await openStateFolder(path, { fresh: true })).release();
  await expect(readFile(join(path, "sqs", "journal.jsonl"), "utf8")).rejects.toThrow("ENOENT");
  expect(await readFile(join(path, "version"), "utf8")).toBe("1\n");
});
