import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { virtualClock } from "../clock.ts";
import { answer, testLambda, testProject } from "./lambda.fixture.ts";

const pidHandler = "export const handler = async () => process.pid;";

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const untilGone = (pid: number): Promise<unknown> => vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000);

test("invocations at once run in environments of their own, later ones reuse them", async () => {
  const { invoke } = await testLambda(
    "export const handler = async () => { await new Promise((r) => setTimeout(r, 300)); return process.pid; };",
  );
  const pids = (await Promise.all([invoke(), invoke(), invoke()])).map(answer);
  expect(new Set(pids).size).toBe(3);
  expect(pids).toContain(answer(await invoke()));
});

test("more than the reserved concurrency is throttled", async () => {
  const { invoke } = await testLambda(
    "export const handler = async () => { await new Promise((r) => setTimeout(r, 300)); return 1; };",
    { config: { reservedConcurrency: 2 } },
  );
  const kinds = (await Promise.all([invoke(), invoke(), invoke()])).map((invocation) => invocation.kind);
  expect(kinds).toEqual(["succeeded", "succeeded", "throttled"]);
  expect((await invoke()).kind).toBe("succeeded");
});

test("an idle environment ends after its time, and not while it is used", async () => {
  const clock = virtualClock(0);
  const { invoke } = await testLambda(pidHandler, { lambda: { clock, idleMs: 60_000 } });
  const pid = Number(answer(await invoke()));
  await clock.advance(59_000);
  expect(answer(await invoke())).toBe(pid);
  await clock.advance(59_000);
  expect(isAlive(pid)).toBe(true);
  await clock.advance(1000);
  await untilGone(pid);
  expect(answer(await invoke())).not.toBe(pid);
});

test("an environment started ahead runs the first invocation", async () => {
  const { lambda, invoke, lines } = await testLambda(
    "console.log(process.pid); export const handler = async () => process.pid;",
  );
  expect(await lambda.warm("worker")).toEqual({ kind: "ready" });
  expect(await lambda.warm("worker")).toEqual({ kind: "ready" });
  expect(String(answer(await invoke()))).toBe(lines[0]?.text);
  expect(lines).toHaveLength(1);
});

test("reload picks up new code and forgets init errors", async () => {
  const { lambda, project, invoke, initErrors } = await testLambda("export const handler = async () => 1;");
  expect(answer(await invoke())).toBe(1);
  await project.write("src/worker.ts", "export const handler = async () => 2;");
  expect(answer(await invoke())).toBe(1);
  lambda.reload();
  expect(answer(await invoke())).toBe(2);
  await project.write("src/worker.ts", "export const handler = async () => {");
  lambda.reload();
  expect((await invoke()).kind).toBe("init-failed");
  lambda.reload();
  expect((await invoke()).kind).toBe("init-failed");
  expect(initErrors).toHaveLength(2);
  await project.write("src/worker.ts", "export const handler = async () => 3;");
  expect((await invoke()).kind).toBe("init-failed");
  lambda.reload();
  expect(answer(await invoke())).toBe(3);
});

test("reload lets an invocation end in the old code and ends its environment then", async () => {
  const { lambda, project, invoke, lines } = await testLambda(
    "export const handler = async () => { console.log(process.pid); await new Promise((r) => setTimeout(r, 500)); return 'old'; };",
  );
  const running = invoke();
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  await project.write("src/worker.ts", "export const handler = async () => 'new';");
  lambda.reload();
  expect(answer(await invoke())).toBe("new");
  expect(answer(await running)).toBe("old");
  await untilGone(Number(lines[0]?.text));
});

test("an environment that starts in old code does not run the invocation that waits for it", async () => {
  const { lambda, project, invoke } = await testLambda("export const handler = async () => 'old';");
  const running = invoke();
  await project.write("src/worker.ts", "export const handler = async () => 'new';");
  lambda.reload();
  expect(answer(await running)).toBe("new");
});

test("a function defined again runs with its new settings", async () => {
  const { lambda, invoke } = await testLambda("export const handler = async () => process.env.COLOR ?? 'none';");
  expect(answer(await invoke())).toBe("none");
  const config = { name: "worker", handler: "src/worker.handler", timeoutMs: 1000, memoryMb: 128 };
  lambda.define({ ...config, environment: { COLOR: "red" } });
  expect(answer(await invoke())).toBe("red");
});

test("a function that is not defined rejects", async () => {
  const { lambda } = await testLambda(pidHandler);
  const missing = "Function not found: arn:aws:lambda:eu-central-1:000000000000:function:nobody";
  await expect(lambda.invoke("nobody", "{}")).rejects.toThrow(missing);
  await expect(lambda.warm("nobody")).rejects.toThrow(missing);
});

test("close waits for what runs, then leaves no process", async () => {
  const { lambda, invoke, lines } = await testLambda(
    "export const handler = async () => { console.log(process.pid); await new Promise((r) => setTimeout(r, 400)); return 'done'; };",
  );
  const running = invoke();
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  const closed = lambda.close();
  await expect(invoke()).rejects.toThrow("takes no more invocations");
  expect(answer(await running)).toBe("done");
  await closed;
  expect(isAlive(Number(lines[0]?.text))).toBe(false);
});

test("close kills what outlasts its bound, and what that has started", async () => {
  const { lambda, invoke, lines } = await testLambda(
    `import { spawn } from "node:child_process";
    export const handler = async () => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      console.log(process.pid + " " + child.pid);
      await new Promise(() => setInterval(() => {}, 1000));
    };`,
  );
  const running = invoke();
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  await lambda.close({ graceMs: 50 });
  expect((await running).kind).toBe("crashed");
  for (const pid of lines[0]?.text.split(" ") ?? []) await untilGone(Number(pid));
});

test("functions end when their parent is killed, also one that never yields", async () => {
  const project = await testProject({
    "worker.ts":
      'import { writeFileSync } from "node:fs";\n' +
      "export const handler = async (event) => { writeFileSync(event.file, String(process.pid)); if (event.busy) for (;;) {} };",
    "parent.ts": `
      import { createLambda } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "lambda.ts")).href)};
      import { systemClock } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../clock.ts")).href)};
      const lambda = await createLambda({ clock: systemClock(), root: import.meta.dirname, region: "r", accountId: "1", onLog() {}, onInitError() {} });
      lambda.define({ name: "w", handler: "worker.handler", timeoutMs: 60_000, memoryMb: 128, environment: {} });
      void lambda.invoke("w", JSON.stringify({ file: "busy.pid", busy: true }));
      await lambda.invoke("w", JSON.stringify({ file: "idle.pid" }));
      console.log("idle");
    `,
  });
  const parent: ChildProcess = spawn(process.execPath, ["parent.ts"], {
    cwd: project.root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const readPid = async (name: string) => Number(await readFile(join(project.root, name), "utf8"));
  await vi.waitFor(async () => expect(await readPid("busy.pid")).toBeGreaterThan(0), 20_000);
  await vi.waitFor(async () => expect(await readPid("idle.pid")).toBeGreaterThan(0), 20_000);
  const pids = await Promise.all(["busy.pid", "idle.pid"].map(readPid));
  expect(pids.map(isAlive)).toEqual([true, true]);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  for (const pid of pids) await untilGone(pid);
});
