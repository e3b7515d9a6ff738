import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Journal, type JournalOptions, openJournal } from "./journal.ts";

type Change = { key: string; value: string | null };

let folder: string;
let file: string;
const opened: Journal<Change>[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "journal-"));
  file = join(folder, "deep", "state.jsonl");
});

afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  await rm(folder, { recursive: true });
});

/** A map kept in a journal. */
async function openMap(options: Partial<JournalOptions<Change>> = {}) {
  const state = new Map<string, string>();
  const apply = ({ key, value }: Change): void => {
    if (value === null) state.delete(key);
    else state.set(key, value);
  };
  const journal = await openJournal<Change>({
    file,
    load: apply,
    snapshot: () => [...state].map(([key, value]) => ({ key, value })),
    ...options,
  });
  opened.push(journal);
  const put = async (key: string, value: string | null): Promise<void> => {
    await journal.append({ key, value });
    apply({ key, value });
  };
  return { state, journal, put };
}

const linesOf = async (): Promise<string[]> => (await readFile(file, "utf8")).split("\n").slice(0, -1);

describe("what was appended", () => {
  test("is there again after the journal was closed and opened", async () => {
    const first = await openMap();
    await first.put("a", "ä\n");
    await first.put("b", "2");
    await first.put("a", null);
    await first.journal.close();
    expect((await openMap()).state).toEqual(new Map([["b", "2"]]));
  });

  test("is in the file before append resolves, and what waited came in order", async () => {
    const { journal } = await openMap();
    await Promise.all(Array.from({ length: 500 }, (_, index) => journal.append({ key: `${index}`, value: "x" })));
    expect((await linesOf()).map((line) => JSON.parse(line).key)).toEqual(
      Array.from({ length: 500 }, (_, i) => `${i}`),
    );
  });

  test("is written by close when it still waits", async () => {
    const { journal } = await openMap();
    const appended = journal.append({ key: "a", value: "1" });
    await journal.close();
    await appended;
    expect(await linesOf()).toHaveLength(1);
    await expect(journal.append({ key: "b", value: "2" })).rejects.toThrow("The journal is closed.");
  });
});

describe("opening", () => {
  test("forgives a torn last line, wherever it was torn", async () => {
    const whole = '{"key":"a","value":"1"}\n';
    const last = '{"key":"b","value":"ü"}\n';
    await (await openMap()).journal.close();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: Buffer.byteLength(last) - 1 }), async (length) => {
        await writeFile(file, Buffer.concat([Buffer.from(whole), Buffer.from(last).subarray(0, length)]));
        const { state, put, journal } = await openMap();
        expect(state).toEqual(new Map([["a", "1"]]));
        await put("c", "3");
        await journal.close();
        expect((await openMap()).state).toEqual(
          new Map([
            ["a", "1"],
            ["c", "3"],
          ]),
        );
      }),
      { numRuns: 30 },
    );
  });

  test("refuses a line that is damaged in the middle, and says where", async () => {
    await (await openMap()).journal.close();
    await appendFile(file, '{"key":"a","value":"1"}\n{"key":\n{"key":"c","value":"3"}\n');
    await expect(openMap()).rejects.toThrow(`Line 2 of ${file} is damaged.`);
  });

  test("compacts, and leaves no second file", async () => {
    const { put, journal } = await openMap();
    for (let index = 0; index < 100; index++) await put("a", `${index}`);
    await journal.close();
    expect(await linesOf()).toHaveLength(100);
    await openMap();
    expect(await linesOf()).toEqual(['{"key":"a","value":"99"}']);
    expect(await readdir(join(folder, "deep"))).toEqual(["state.jsonl"]);
  });

  test("reads lines longer than it reads at once", async () => {
    const long = "é".repeat(1_500_000);
    const first = await openMap();
    await first.put("a", long);
    await first.put("b", "2");
    await first.journal.close();
    expect((await openMap()).state).toEqual(
      new Map([
        ["a", long],
        ["b", "2"],
      ]),
    );
  });
});

describe("compaction while running", () => {
  test("keeps the file near its live content and loses nothing that is appended meanwhile", async () => {
    const map = await openMap({ compactAfterBytes: 2_000 });
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 40 }, (_, index) => map.put(`${index % 7}`, `${round}.${index}`)));
      if (round % 5 === 0) await map.put("3", null);
    }
    await vi.waitFor(async () => expect((await stat(file)).size).toBeLessThan(6_000), 10_000);
    const expected = new Map(map.state);
    await map.journal.close();
    expect((await openMap()).state).toEqual(expected);
  });

  test("is given up when the journal is closed", async () => {
    const failures: unknown[] = [];
    const map = await openMap({ compactAfterBytes: 1, onFailure: (failure) => failures.push(failure) });
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => map.put(`${index}`, `${round}`.repeat(20_000))));
    }
    await vi.waitFor(() => expect(readdirSync(join(folder, "deep"))).toContain("state.jsonl.new"));
    await map.journal.close();
    expect(readdirSync(join(folder, "deep"))).toEqual(["state.jsonl"]);
    expect(failures).toEqual([]);
    expect((await openMap()).state).toEqual(map.state);
  });

  test("lets a process die at any moment: the file always holds what was acknowledged, and no more", async () => {
    const step = fc.record({
      from: fc.integer({ min: 0, max: 29 }),
      to: fc.integer({ min: 0, max: 29 }),
      kind: fc.constantFrom("put", "put", "put", "move", "delete"),
    });
    let compactions = 0;
    const run = async (steps: readonly { from: number; to: number; kind: string }[]): Promise<void> => {
      const bins = await openBins();
      for (let index = 0; index < 30; index++) await bins.apply({ kind: "put", from: index, to: 0, text: `${index}` });
      let inode = statSync(file).ino;
      const look = (isDue: boolean): void => {
        const isNew = statSync(file).ino !== inode;
        inode = statSync(file).ino;
        if (isNew) compactions++;
        if (isNew || isDue) expect(binsIn(file)).toEqual(bins.state);
      };
      for (const { kind, from, to } of steps) {
        // Half of them wait for one another, the others are written together.
        const applied = bins.apply({ kind, from, to, text: `${from}.${to}`.repeat(3_000) });
        if ((from + to) % 2 === 0) await applied;
        if (to % 3 > 0) continue;
        await new Promise(setImmediate);
        look(from % 4 === 0);
      }
      await vi.waitFor(() => expect(readdirSync(join(folder, "deep"))).toEqual(["state.jsonl"]), 10_000);
      await new Promise(setImmediate);
      look(true);
      await bins.journal.close();
      await rm(file);
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 300, maxLength: 500 }), run), { numRuns: 4 });
    expect(compactions).toBeGreaterThanOrEqual(4);
  });

  test("that fails leaves the old file in use and is reported", async () => {
    const failures: unknown[] = [];
    const { put, journal } = await openMap({ compactAfterBytes: 100, onFailure: (failure) => failures.push(failure) });
    await mkdir(`${file}.new`);
    for (let index = 0; index < 20; index++) await put("a", `${index}`);
    await vi.waitFor(() => expect(failures).not.toEqual([]));
    await journal.close();
    await rm(`${file}.new`, { recursive: true });
    expect((await openMap()).state).toEqual(new Map([["a", "19"]]));
  });
});

type Step = { kind: string; from: number; to: number; text: string };

/** Each bin has an entry, which a step changes in place or puts into another bin. */
type Bins = Map<number, { text: string }>;

function stepIn(bins: Bins, { kind, from, to, text }: Step): void {
  const entry = bins.get(from);
  if (kind === "put" && entry) entry.text = text;
  else if (kind === "put") bins.set(from, { text });
  else if (entry) bins.delete(from);
  if (kind === "move" && entry) bins.set(to, { text: entry.text });
}

/** Bins kept in a journal; its snapshot knows of changes since it was begun. */
async function openBins() {
  const state: Bins = new Map();
  const journal = await openJournal<Step>({
    file,
    load: (step) => stepIn(state, step),
    snapshot: () =>
      (function* (entries) {
        for (const [from, { text }] of entries) yield { kind: "put", from, to: 0, text };
      })([...state]),
    compactAfterBytes: 1,
  });
  const apply = async (step: Step): Promise<void> => {
    await journal.append(step);
    stepIn(state, step);
  };
  return { state, journal, apply };
}

/** What a process would find in the file after another was killed now. */
function binsIn(found: string): Bins {
  const bins: Bins = new Map();
  for (const line of readFileSync(found, "utf8").split("\n").slice(0, -1)) stepIn(bins, JSON.parse(line));
  return bins;
}

/** Runs this in a process of its own: puts keys and prints each that is kept or refused; rests after 60 refusals. */
const writerSource = (size: number): string => `
  process.stdin.on("end", () => process.exit()).resume();
  const { openJournal } = await import(${JSON.stringify(new URL("./journal.ts", import.meta.url).href)});
  const keys = [];
  const journal = await openJournal({
    file: process.argv[1],
    load: ({ key }) => keys.push(key),
    snapshot: () => keys.map((key) => ({ key, value: "x".repeat(${size}) })),
    compactAfterBytes: 10_000,
  });
  let refusals = 0;
  for (let round = 0; refusals < 60; round++) {
    const puts = Array.from({ length: 20 }, async (_, index) => {
      const key = round + "." + index;
      try {
        await journal.append({ key, value: "x".repeat(${size}) });
        keys.push(key);
        process.stdout.write(key + "\\n");
      } catch (error) {
        refusals++;
        process.stdout.write("refused " + error.code + " " + key + "\\n");
      }
    });
    await Promise.all(puts);
  }
`;

function printedLines(child: ChildProcess): AsyncIterable<string> {
  if (!child.stdout) throw new Error("The child has no stdout.");
  return createInterface({ input: child.stdout });
}

describe("a process", () => {
  test("that is killed with SIGKILL loses nothing that it acknowledged", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", writerSource(200), file], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const acknowledged: string[] = [];
    for await (const key of printedLines(child)) {
      acknowledged.push(key);
      if (acknowledged.length === 2_000) child.kill("SIGKILL");
    }
    const kept = new Set((await openMap()).state.keys());
    expect(acknowledged.length).toBeGreaterThanOrEqual(2_000);
    expect(acknowledged.filter((key) => !kept.has(key))).toEqual([]);
  });

  test("whose disk is full keeps what it acknowledged, and nothing of what was refused", async () => {
    // A limit on the size of files stands for the full disk. It cuts a write short after some of its whole lines.
    const script = 'trap "" XFSZ; ulimit -f 64; exec "$0" --input-type=module --eval "$1" "$2"';
    const child = spawn("sh", ["-c", script, process.execPath, writerSource(350), file], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const acknowledged: string[] = [];
    const refused: string[] = [];
    const codes = new Set<string>();
    for await (const line of printedLines(child)) {
      const [word = "", code = "", key = ""] = line.split(" ");
      if (word !== "refused") acknowledged.push(word);
      else if (codes.add(code) && refused.push(key) === 60) child.kill("SIGKILL");
    }
    const kept = new Set((await openMap()).state.keys());
    expect(acknowledged.length).toBeGreaterThan(20);
    expect(acknowledged.filter((key) => !kept.has(key))).toEqual([]);
    expect(refused.filter((key) => kept.has(key))).toEqual([]);
    expect(codes).toEqual(new Set(["EFBIG"]));
  });
});

test("a disk that never takes anything is told at once", async () => {
  await writeFile(join(folder, "deep"), "a file where the folder should be");
  await expect(openMap()).rejects.toMatchObject({ code: "EEXIST" });
});
