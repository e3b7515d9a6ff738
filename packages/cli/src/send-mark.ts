/** How far a file was sent: kept beside it, on disk before anything goes on. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TendrilError } from "@tendril/core/errors";
import type { JobPlace } from "./send-command.ts";

/** How far a file was sent. */
export interface Mark {
  /** What the keys of its lines begin with. */
  readonly run: string;
  /** What it was begun with: going on is the same job for the same API. */
  readonly as: { readonly url: string; readonly type: string; readonly place: JobPlace; readonly envelope: boolean };
  /** Everything before was accepted or refused. */
  readonly lines: number;
  readonly bytes: number;
  readonly accepted: number;
  readonly refused: number;
  /** SHA-256 of these bytes of the file. */
  readonly sha256: string;
}

/** Where a file's mark is. */
export const markPath = (file: string): string => `${file}.tendril`;

/** Reads a file's mark; undefined when there is none. Error: `usage`, for one that cannot be read. */
export async function readMark(file: string): Promise<Mark | undefined> {
  const path = markPath(file);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw markError(`${path}, which cannot be read (${error.code})`);
  });
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isMark(value)) return value;
  } catch {}
  throw markError(`${path}, which is no mark of tendril send`);
}

/** Writes a file's mark: when this resolves, a crash of the machine leaves this one, and one before leaves the last one. */
export async function writeMark(file: string, mark: Mark): Promise<void> {
  const path = markPath(file);
  const next = `${path}.new`;
  try {
    const handle = await open(next, "w", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(mark)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, path);
    const folder = await open(dirname(path), "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw markError(`${path}, which cannot be written (${code})`);
  }
}

/** Removes a file's mark: it is sent. */
export const removeMark = (file: string): Promise<void> => rm(markPath(file), { force: true });

/** The hash of a file up to the mark, to go on with. Error: `usage`, when the file is not what was sent. */
export async function hashUpTo(file: string, { bytes, lines, sha256 }: Mark): Promise<Hash> {
  const hash = createHash("sha256");
  if (bytes > 0) for await (const chunk of createReadStream(file, { end: bytes - 1 })) hash.update(chunk);
  if (hash.copy().digest("hex") === sha256) return hash;
  throw markError(`${file}, whose first ${lines} lines are not those that were sent`);
}

function markError(given: string): TendrilError {
  return new TendrilError("usage", {
    given,
    allowed: "the file as it was, and its mark beside it",
    fix: "--restart sends it from its beginning, as new jobs.",
  });
}

function isMark(value: unknown): value is Mark {
  if (typeof value !== "object" || value === null) return false;
  const mark: Record<string, unknown> = { ...value };
  const numbers = ["lines", "bytes", "accepted", "refused"].every((name) => Number.isSafeInteger(mark[name]));
  const texts = typeof mark.run === "string" && typeof mark.sha256 === "string";
  return numbers && texts && typeof mark.as === "object" && mark.as !== null;
}
