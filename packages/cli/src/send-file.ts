import { createHash, type Hash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { HttpCall } from "@tendril/client/http-call";
import type { Entry } from "@tendril/client/http-entry";
import { TendrilError } from "@tendril/core/errors";
import { openProgress } from "./dead-progress.ts";
import type { Remote } from "./remote.ts";
import { type Refusal, sendBatch, tookNothing } from "./send-batch.ts";
import type { SendFile } from "./send-command.ts";
import { type LineForm, readEntry } from "./send-entry.ts";
import { batchLines, countLines, type Line, readLines } from "./send-lines.ts";
import { hashUpTo, type Mark, markPath, readMark, removeMark, writeMark } from "./send-mark.ts";
import { openRefusals, type Refusals } from "./send-refusals.ts";
import { stopSignal } from "./stop-signal.ts";
import { usageError } from "./usage-error.ts";

/** What one request carries: the API takes 1,000 jobs and 6 MB. */
const mostInBatch = { lines: 1_000, bytes: 4_000_000 };

/**
 * Sends a job for each line of a file, in its order, a thousand a request. How far it is stands in a mark beside the file,
 * which is on disk before anything is sent: killed at any time and begun again with `--resume`, it sends what is missing,
 * and what was under way under the same idempotency keys, so that it runs once. The exit code is 2 when a line was refused,
 * and 130 when it was stopped. Errors: `usage`, and what the API answers that is not about one line.
 */
export async function sendFile(command: SendFile, remote: Remote): Promise<void> {
  const { file } = command;
  const stopping = new AbortController();
  const run = await openRun(command, remote.url);
  const refusals = await openRefusals(command.refusedFile, run.mark.lines > 0);
  const progress = openProgress();
  void stopSignal().then((reason) => {
    console.error(`\n${reason}: stopping when what is under way is answered (Ctrl-C again: at once)`);
    stopping.abort();
  });
  progress.begin(`sending ${file === "-" ? "standard input" : file}`, run.total);
  progress.step(run.mark.lines);
  let { mark } = run;
  try {
    for await (const next of sendRest(run, { command, call: remote.call, refusals, signal: stopping.signal })) {
      progress.step(next.lines - mark.lines);
      mark = next;
      if (stopping.signal.aborted) break;
    }
  } catch (error) {
    progress.end();
    await tellFailure(file, mark, run.total, error);
    throw error;
  } finally {
    progress.end();
    await refusals.close();
  }
  if (stopping.signal.aborted && mark.lines !== run.total) {
    tellRest(file, mark, run.total);
    process.exitCode = 130;
    return;
  }
  await run.end();
  tellEnd(command, mark);
  if (mark.refused > 0) process.exitCode = 2;
}

/** What sending needs besides the file. */
interface Means {
  readonly command: SendFile;
  readonly call: HttpCall;
  readonly refusals: Refusals;
  readonly signal: AbortSignal;
}

/** Sends the rest of a file, and gives each mark when it is on disk. */
async function* sendRest(run: Run, { command, call, refusals, signal }: Means): AsyncGenerator<Mark> {
  const form: LineForm = { ...command, keyOf: (line) => `${run.mark.run}-${line}` };
  let { mark } = run;
  for await (const batch of batchLines(readLines(run.chunks, mark), mostInBatch)) {
    const { entries, refused: unsent } = readBatch(batch, form);
    const patient = mark.lines > run.mark.lines; // an address where nobody answers is told at once
    const refused = await sendBatch(entries, { call, signal, patient });
    const all = [...unsent, ...refused].sort((a, b) => a.lineNumber - b.lineNumber);
    await refusals.add(all);
    mark = marked(mark, batch, run.hash, entries.size - refused.length, all);
    await run.save(mark);
    yield mark;
  }
}

/** A file that is being sent. */
interface Run {
  readonly mark: Mark;
  /** The rest of the file. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Of what is before. */
  readonly hash: Hash;
  /** Lines in all; 0 when that is not known. */
  readonly total: number;
  save(mark: Mark): Promise<void>;
  /** It is sent: there is nothing to go on with. */
  end(): Promise<void>;
}

async function openRun({ file, begin, type, place, envelope }: SendFile, url: string): Promise<Run> {
  const as = { url, type, place, envelope };
  const sha256 = createHash("sha256").digest("hex");
  const run = randomBytes(12).toString("hex");
  const fresh: Mark = { run, as, lines: 0, bytes: 0, accepted: 0, refused: 0, sha256 };
  if (file === "-") {
    const nowhere = { save: async () => {}, end: async () => {} };
    return { mark: fresh, chunks: process.stdin, hash: createHash("sha256"), total: 0, ...nowhere };
  }
  await access(file).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`--file ${file}`, `a file that can be read (${error.code})`);
  });
  const left = begin === "restart" ? undefined : await readMark(file);
  if (left === undefined && begin === "resume") throw nothingLeft(file);
  if (left !== undefined && begin === "new") throw leftInTheMiddle(file, left);
  if (left !== undefined && JSON.stringify(left.as) !== JSON.stringify(as)) throw begunOtherwise(left);
  const mark = left ?? fresh;
  const hash = left === undefined ? createHash("sha256") : await hashUpTo(file, left);
  if (left === undefined) await writeMark(file, mark);
  return {
    mark,
    hash,
    chunks: createReadStream(file, { start: mark.bytes }),
    total: await countLines(createReadStream(file)),
    save: (next) => writeMark(file, next),
    end: () => removeMark(file),
  };
}

/** What can be sent of some lines, by line number, and what cannot. */
function readBatch(lines: readonly Line[], form: LineForm) {
  const entries = new Map<number, Entry>();
  const refused: Refusal[] = [];
  for (const line of lines) {
    try {
      const entry = readEntry(line, form);
      if (entry !== undefined) entries.set(line.number, entry);
    } catch (error) {
      if (!(error instanceof TendrilError)) throw error;
      refused.push({ lineNumber: line.number, error });
    }
  }
  return { entries, refused };
}

/** The mark behind some lines, of which so many were sent and these refused. */
function marked(mark: Mark, lines: readonly Line[], hash: Hash, sent: number, refused: readonly Refusal[]): Mark {
  for (const line of lines) hash.update(line.bytes);
  const { number, endByte } = lines.at(-1) ?? { number: mark.lines, endByte: mark.bytes };
  return {
    ...mark,
    lines: number,
    bytes: endByte,
    accepted: mark.accepted + sent,
    refused: mark.refused + refused.length,
    sha256: hash.copy().digest("hex"),
  };
}

function tellEnd({ json }: SendFile, { lines, accepted, refused, run }: Mark): void {
  if (json) console.log(JSON.stringify({ accepted, refused, lines, run }, null, 2));
  else
    console.log(`accepted ${counted(accepted, "job")}${refused === 0 ? "" : `, refused ${counted(refused, "line")}`}`);
}

/** Says how far it came; a file of which nothing was taken has no mark to go on from. */
async function tellFailure(file: string, mark: Mark, total: number, error: unknown): Promise<void> {
  if (mark.lines === 0 && error instanceof TendrilError && tookNothing(error)) await removeMark(file);
  else tellRest(file, mark, total);
}

function tellRest(file: string, { lines, accepted }: Mark, total: number): void {
  const place = total === 0 ? counted(lines, "line") : `${lines} of ${counted(total, "line")}`;
  console.error(`${place} sent, ${counted(accepted, "job")} accepted`);
  if (file !== "-") console.error("The same command with --resume goes on from there, and runs nothing twice.");
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

const nothingLeft = (file: string): TendrilError =>
  usageError(`--resume, and no ${markPath(file)}`, "--resume for a file that was left in the middle");

function leftInTheMiddle(file: string, { lines }: Mark): TendrilError {
  return new TendrilError("usage", {
    given: `${file}, which was left behind line ${lines} (${markPath(file)})`,
    allowed: "--resume, which goes on from there, or --restart, which sends all of it again, as new jobs",
  });
}

function begunOtherwise({ as }: Mark): TendrilError {
  const { url, type, place, envelope } = as;
  const options = Object.entries(place).map(([name, value]) => ` --${name} "${value}"`);
  return new TendrilError("usage", {
    given: "--resume with another API, job type or place than the file was begun with",
    allowed: `send ${type} --url ${url}${options.join("")}${envelope ? " --envelope" : ""}`,
  });
}
