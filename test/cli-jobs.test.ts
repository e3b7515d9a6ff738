// `tendril send`, `jobs`, `job`, `queues`, `schedules` and `tail` as processes of their own, over the real API, SQS, ledger and worker.
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQSClient } from "@aws-sdk/client-sqs";
import { createAdaptorServer } from "@hono/node-server";
import { type Api, createApi } from "@tendril/api/api";
import { tokenAccess } from "@tendril/api/bearer";
import { readCommand } from "@tendril/cli/command-line";
import { exitCodeOf } from "@tendril/cli/exit-code";
import { jobs as showJobs } from "@tendril/cli/jobs";
import { send } from "@tendril/cli/send";
import { createOperations } from "@tendril/client/operations/operations";
import { createSender } from "@tendril/client/sender";
import { readCronYaml } from "@tendril/core/cron-yaml";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { newJobId } from "@tendril/core/job-id";
import { planTier, refusal } from "@tendril/core/plan";
import { createJobStore } from "@tendril/ledger/job-store";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type CommandEnd, type CommandOptions, type CommandRun, startTendril } from "./support/tendril-command.ts";
import { waitUntil } from "./support/wait-until.ts";
import { newId, useWorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string(), retry: { attempts: 1 } });
const Bag = defineJob({ type: "Bag", input: z.unknown() });
const Loose = defineJob({ type: "Loose", input: z.string(), effects: "at-least-once" });
const jobs = [Note, Bag, Loose];

const room = useWorkerRoom(({ writeNote }) => [
  handle(Note, writeNote),
  handle(Bag, async (_, job) => void (await job.sql`insert into effects values (${job.id}::uuid, 'bag')`)),
  handle(Loose, async () => undefined),
]);

const token = "a-token-of-a-test-that-is-long-enough";
const never = newJobId(Date.UTC(2020), new Uint8Array(16));

let sqs: SQSClient;
let server: Server;
let url: string;
let folder: string;
let tokenFile: string;
let api: Api;
let isPaused = false;
/** Holds back the answer to a request of many jobs, when its jobs have been sent. */
let holdBack: (() => Promise<void>) | undefined;

beforeAll(async () => {
  const { region, credentials } = room.sqs.client.config;
  const past = { useQueueUrlAsEndpoint: false, maxAttempts: 1 };
  sqs = new SQSClient({ endpoint: room.sqsWire.url, region, credentials, ...past });
  folder = await mkdtemp(join(tmpdir(), "tendril-send-"));
  tokenFile = join(folder, "token");
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  const answer = async (request: Request): Promise<Response> => {
    const response = await api.fetch(request);
    if (request.method === "POST") await holdBack?.();
    return response;
  };
  server = createAdaptorServer({ fetch: answer }) as Server;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  sqs.destroy();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  const queues = { jobs: { url: room.queue.url, deadLetterUrl: room.queue.deadLetterUrl } };
  const setPaused = async (_: string, paused: boolean) => {
    isPaused = paused;
  };
  const databaseName = String((await room.query("select current_database()"))[0]?.current_database);
  [isPaused, holdBack] = [false, undefined];
  api = createApi({
    name: "t",
    jobs,
    queues,
    sender: createSender({ sqs, queues }),
    store: async () => createJobStore(room.local.openDatabase(databaseName)),
    operations: async () =>
      createOperations({
        sqs,
        queues,
        plan: async () => plan(),
        mappings: { paused: async () => isPaused, setPaused },
      }),
    access: tokenAccess(token),
    log: () => {},
  });
});

function plan() {
  const cron = "version: 1\ncron:\n  - name: nightly\n    url: /job/post/Bag\n    schedule: '0 3 * * *'\n";
  const read = readCronYaml(cron, "cron.yaml");
  const result = planTier({ name: "t", queues: { jobs: {} }, jobs }, read.kind === "schedules" ? read.schedules : []);
  if (result.kind === "plan") return result.plan;
  throw refusal(result.problems);
}

function start(words: readonly string[], options: CommandOptions = {}): CommandRun {
  return startTendril(words, { ...options, env: { TENDRIL_URL: url, TENDRIL_TOKEN: token, ...options.env } });
}

const run = (words: readonly string[], options?: CommandOptions): Promise<CommandEnd> => start(words, options).ended;

/** What a command throws, run within the test's own process. */
async function refused(words: readonly string[]): Promise<unknown> {
  const command = readCommand([...words, "--url", url, "--token-file", tokenFile], Date.now());
  const running =
    command.kind === "send" ? send(command.command) : command.kind === "jobs" && showJobs(command.command);
  return Promise.resolve(running).catch((error: unknown) => error);
}

/** Runs a command, and the worker while it goes on. */
async function runWorking(words: readonly string[]): Promise<CommandEnd> {
  let isOver = false;
  const ended = run(words).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await room.work();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return ended;
}

describe("send", () => {
  test("prints the job's id; with --wait its result, and the exit code tells how it ended", async () => {
    room.behaviours.set("hello", async () => ({ length: 5 }));
    room.failAlways("bad", new Error("no good"));
    const [sent, done, dead] = await Promise.all([
      run(["send", "Note", '"plain"']),
      runWorking(["send", "Note", '"hello"', "--wait"]),
      runWorking(["send", "Note", '"bad"', "--wait=20s", "--json"]),
    ]);
    expect(sent).toEqual({ code: 0, out: expect.stringMatching(/^[0-9a-f-]{36}\n$/), errors: "" });
    expect([done.code, JSON.parse(done.out)]).toEqual([0, { length: 5 }]);
    expect(done.errors).toMatch(/^enqueued [0-9a-f-]{36}\n$/);
    expect([dead.code, JSON.parse(dead.out)]).toEqual([3, expect.objectContaining({ state: "dead", attempts: 1 })]);
    expect(dead.errors).toContain("no good");
    expect(await room.notesOf(sent.out.trim())).toEqual(["plain"]);
  });

  test("takes its input from standard input, and its key, place and time to the API", async () => {
    const [piped, keyed, other, later, late] = await Promise.all([
      run(["send", "Note", "-", "--json"], { input: '"from a pipe"' }),
      run(["send", "Note", '"one"', "--key", "k", "--group", "g"]),
      run(["send", "Note", '"one"', "--key", "k"]),
      run(["send", "Note", '"x"', "--delay", "5m", "--wait=1s"]),
      run(["send", "Loose", '"x"', "--wait"]),
    ]);
    expect(JSON.parse(piped.out)).toMatchObject({ job_type: "Note", queue: "jobs", state: "queued" });
    expect([keyed.code, keyed.out]).toEqual([0, other.out]);
    expect([later.code, late.code]).toEqual([5, 2]);
    await room.work();
    expect(await room.notesOf(JSON.parse(piped.out).job_id)).toEqual(["from a pipe"]);
    expect(await room.notesOf(keyed.out.trim())).toEqual(["one"]);
  });

  test.each([
    ["an input that does not fit", 2, ["send", "Note", "7"], "expected string"],
    ["what is no JSON, which is not repeated", 2, ["send", "Note", "secret"], "a text of 6 characters that is no JSON"],
    ["a time that is none", 2, ["send", "Note", '"a"', "--at", "tomorrow"], "a time with its zone"],
    ["another job type", 4, ["send", "Other", "7"], "allowed Note, Bag, Loose"],
    ["another queue", 4, ["send", "Note", '"a"', "--queue", "nope"], "a queue of the tier: jobs"],
    ["an id of nobody", 4, ["job", never], "The job is unknown"],
    ["another schedule", 4, ["schedules", "run", "nope"], "The schedule is unknown"],
  ])("refuses %s, with exit code %i", async (_, code, words, says) => {
    const refusal = await refused(words);
    expect(exitCodeOf(refusal)).toBe(code);
    expect(String(refusal)).toContain(says);
    expect(String(refusal)).not.toContain("secret");
    expect(await room.queue.count()).toBe(0);
  });

  test("says what to do when nobody answers, or does not know who asks", async () => {
    const [misread, away, open, wrong] = await Promise.all([
      run(["send", "Note", "7", "8"]),
      run(["queues"], { env: { TENDRIL_URL: "http://127.0.0.1:2" } }),
      run(["queues"], { env: { TENDRIL_TOKEN: undefined } }),
      run(["queues"], { env: { TENDRIL_TOKEN: "another-token-that-is-long-enough" } }),
    ]);
    expect([misread.code, away.code, open.code, wrong.code]).toEqual([2, 1, 1, 1]);
    expect(misread.errors).toMatch(/^tendril: .*one JSON text.*\n$/);
    expect(away.errors).toMatch(/^tendril: .*ECONNREFUSED.*Is `npm run dev` running\?.*\n$/);
    expect(open.errors).toMatch(/^tendril: .*TENDRIL_TOKEN.*--sign/);
    expect(wrong.errors).toContain("a token that is not valid");
    expect(wrong.errors).not.toContain("another-token");
  });
});

describe("send --file", () => {
  const writeLines = async (name: string, lines: readonly string[]): Promise<string> => {
    await writeFile(join(folder, name), lines.join("\n"));
    return join(folder, name);
  };
  const mark = (file: string) => readFile(`${file}.tendril`, "utf8").then(JSON.parse);
  const bags = async (): Promise<unknown> =>
    (await room.query("select count(*)::int, count(distinct job)::int as jobs from effects where note = 'bag'"))[0];

  test("sends each line; refused ones are told with their numbers and reasons, and keep none back", async () => {
    const file = await writeLines("mixed.jsonl", ['"one"', "", "7", "{no", '"two"\r', ""]);
    const refused = join(folder, "refused.jsonl");
    const end = await run(["send", "Note", "--file", file, "--refused", refused, "--json"]);
    expect([end.code, JSON.parse(end.out)]).toEqual([
      2,
      expect.objectContaining({ accepted: 2, refused: 2, lines: 5 }),
    ]);
    const told = (await readFile(refused, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told).toMatchObject([
      { line: 3, code: "input_invalid" },
      { line: 4, code: "input_invalid" },
    ]);
    await expect(mark(file)).rejects.toThrow("ENOENT");
    expect(await room.queue.count()).toBe(2);
  });

  test("takes lines with keys and places of their own, and standard input", async () => {
    const line = (input: string, key: string) => JSON.stringify({ input, key, group: "g" });
    const input = [line("a", "mine"), line("a", "mine"), '{"input":"b","nope":1}'].join("\n");
    const end = await run(["send", "Note", "--file", "-", "--envelope"], { input });
    expect([end.code, end.out]).toEqual([2, "accepted 2 jobs, refused 1 line\n"]);
    expect(end.errors).toContain("line 3: ");
    expect(await room.queue.count()).toBe(1);
  });

  test("of a job type that is unknown, or for nobody, leaves nothing that had to be resumed", async () => {
    const file = await writeLines("typo.jsonl", ["1", "2"]);
    const wrong = await run(["send", "Bagg", "--file", file]);
    expect([wrong.code, wrong.errors]).toEqual([4, expect.stringContaining("allowed Note, Bag, Loose")]);
    const away = await run(["send", "Bag", "--file", file], { env: { TENDRIL_URL: "http://127.0.0.1:2" } });
    expect([away.code, away.errors]).toEqual([1, expect.stringContaining("npm run dev")]);
    expect(await run(["send", "Bag", "--file", file])).toMatchObject({ code: 0, out: "accepted 2 jobs\n" });
  });

  test("killed when jobs were sent and not answered for, and resumed: every line runs once", async () => {
    const size = 700_000; // six lines a request
    const file = await writeLines(
      "big.jsonl",
      Array.from({ length: 10 }, (_, index) => JSON.stringify(String(index).repeat(size))),
    );
    let requests = 0;
    const killed = start(["send", "Bag", "--file", file]);
    await new Promise<void>((resolve) => {
      holdBack = async () => {
        requests += 1;
        if (requests < 2) return;
        resolve();
        await killed.ended;
      };
      void killed.ended.then(() => resolve());
    }).then(() => killed.child.kill("SIGKILL"));
    await killed.ended;
    holdBack = undefined;
    expect(await mark(file)).toMatchObject({ lines: 6, accepted: 6 });
    expect(await room.queue.count()).toBe(10);

    expect(String(await refused(["send", "Bag", "--file", file]))).toContain("--resume");
    expect(String(await refused(["send", "Note", "--file", file, "--resume"]))).toContain("send Bag");
    const resumed = await run(["send", "Bag", "--file", file, "--resume"]);
    expect(resumed).toMatchObject({ code: 0, out: "accepted 10 jobs\n" });
    expect(await room.queue.count()).toBe(14);
    await room.work();
    await room.work();
    expect(await bags()).toEqual({ count: 10, jobs: 10 });
  });

  test("stops at Ctrl-C with the mark of what was answered; a file that was changed before it is not gone on with", async () => {
    const file = await writeLines(
      "stop.jsonl",
      Array.from({ length: 1500 }, (_, index) => String(index)),
    );
    const sending = start(["send", "Bag", "--file", file]);
    holdBack = async () => {
      sending.child.kill("SIGINT");
      await waitUntil("Ctrl-C", 10_000, async () => /SIGINT/.exec(sending.errors()) ?? undefined);
    };
    const stopped = await sending.ended;
    holdBack = undefined;
    expect([stopped.code, stopped.errors]).toEqual([130, expect.stringContaining("1000 of 1500 lines")]);
    await writeFile(file, `5${await readFile(file, "utf8")}`);
    const changed = await refused(["send", "Bag", "--file", file, "--resume"]);
    expect([exitCodeOf(changed), String(changed)]).toEqual([
      2,
      expect.stringContaining("are not those that were sent"),
    ]);
    expect(await room.queue.count()).toBe(1000);
  });
});

describe("what it shows and does", () => {
  test("jobs, a job, and how it ended: as a table of at most 100 columns, or as JSON", async () => {
    room.failAlways("bad", new Error(`it\u001b[31m went wrong ${"again and ".repeat(20)}`));
    const [good, bad] = [await room.send("good", { id: newId() }), await room.send("bad", { id: newId() })];
    await room.work();
    const [table, dead, one, ended] = await Promise.all([
      run(["jobs", "--limit", "2"]),
      run(["jobs", "--state", "dead", "--type", "Note", "--queue", "jobs", "--since", "1h", "--limit", "1", "--json"]),
      run(["job", bad]),
      run(["job", bad, "--wait"]),
    ]);
    expect(table.out).toContain(`done   Note  ${good}`);
    expect(table.out).toMatch(new RegExp(`dead   Note  ${bad} +jobs +1 +\\d+s\\n  Error: it\\\\x1b\\[31m went`));
    for (const line of table.out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    expect(JSON.parse(dead.out)).toMatchObject([{ job_id: bad, state: "dead" }]);
    expect([one.code, ended.code]).toEqual([0, 3]);
    expect(one.out).toMatch(new RegExp(`^${bad}\n  state +dead\n`));
  });

  test("cancels what has not begun, and sends back what is dead", async () => {
    room.failAlways("bad", new Error("once"));
    const dead = (await runWorking(["send", "Note", '"bad"', "--wait", "--json"])).out;
    const deadId = String(JSON.parse(dead).job_id);
    room.behaviours.clear();
    const waiting = (await run(["send", "Note", '"waits"'])).out.trim();
    const [cancelled, retried] = await Promise.all([run(["job", "cancel", waiting]), run(["job", "retry", deadId])]);
    expect([cancelled.code, retried.code, retried.errors]).toEqual([0, 0, ""]);
    await room.work();
    const refusals = [await refused(["job", "cancel", deadId]), await refused(["job", "retry", deadId])];
    expect(refusals).toMatchObject([{ code: "job_begun" }, { code: "job_not_dead" }]);
    expect(refusals.map(exitCodeOf)).toEqual([2, 2]);
    expect([await room.notesOf(waiting), await room.notesOf(deadId)]).toEqual([[], ["bad"]]);
  });

  test("queues, paused and resumed; schedules, run now", async () => {
    await room.send("waits");
    expect((await run(["queues", "pause", "jobs"])).code).toBe(0);
    const [queues, schedules, ran] = await Promise.all([
      run(["queues"]),
      run(["schedules"]),
      run(["schedules", "run", "nightly"]),
    ]);
    expect(queues.out).toMatch(/^jobs +standard +paused +\d+ +0 +0 +0$/m);
    expect(schedules.out).toMatch(/^ +nightly +Bag +0 3 \* \* \* UTC; next \d{4}-\d\d-\d\d 03:00Z/m);
    expect(ran.out).toMatch(/^[0-9a-f-]{36}\n$/);
    expect((await run(["queues", "resume", "jobs", "--json"])).out).toContain('"paused": false');
    expect(isPaused).toBe(false);
  });

  test("job types are the API's where there is no project", async () => {
    expect(await run(["completion", "types"], { cwd: folder })).toEqual({
      code: 0,
      out: "Note\nBag\nLoose\n",
      errors: "",
    });
  });

  test("follows what becomes of jobs, each change once, and ends at Ctrl-C without a fault", async () => {
    const before = await room.send("before");
    await room.work();
    const following = start(["tail", "--json", "--type", "Note"]);
    const told = () =>
      following
        .out()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    const ids: string[] = [];
    await waitUntil("changes that are told", 20_000, async () => {
      ids.push(await room.send(`number ${ids.length}`));
      await room.work();
      return told().length > 1 || undefined;
    });
    following.child.kill("SIGINT");
    const { code, errors } = await following.ended;
    expect([code, errors]).toEqual([0, ""]);
    const seen = told().map(({ job_id, state }) => `${job_id} ${state}`);
    expect(new Set(seen).size).toBe(seen.length);
    for (const each of seen) expect(ids.map((id) => `${id} done`)).toContain(each);
    expect(seen.join()).not.toContain(before);
  });
});
