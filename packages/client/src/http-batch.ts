import { TendrilError } from "@tendril/core/errors";
import type { JobId } from "@tendril/core/job-id";
import type { EnqueueResult } from "./client-interface.ts";
import { type HttpCall, type HttpOptions, mostTries } from "./http-call.ts";
import { type Entry, idOf, readJobId } from "./http-entry.ts";
import { membersOf } from "./job-json.ts";
import { errorOfProblem, outcomeUnknown } from "./problem-error.ts";
import { fullJitterMs, machineSleep } from "./sleep.ts";

/** How many jobs one request carries at most, and how many bytes of them: the API takes 1,000, and Lambda 6 MB. */
const mostEntries = 1_000;
const mostBytes = 5_000_000;

const pauses = { fromMs: 200, toMs: 5_000 };

/** What sending in batches needs. */
interface Sending extends Pick<HttpOptions, "random" | "sleep"> {
  readonly call: HttpCall;
}

/** A job with its place among the inputs, and its JSON. */
interface Waiting {
  readonly index: number;
  readonly entry: Entry;
  readonly json: string;
}

/** Sends jobs, one request after the other, in their order; after one that failed as a whole the later ones are not sent. */
export async function sendEntries(
  entries: ReadonlyMap<number, Entry>,
  sending: Sending,
): Promise<Map<number, EnqueueResult>> {
  const results = new Map<number, EnqueueResult>();
  let failed: TendrilError | undefined;
  for (const chunk of chunksOf(entries)) {
    if (failed === undefined) failed = await sendChunk(chunk, results, sending);
    else for (const { index, entry } of chunk) results.set(index, refused(entry, notSent(failed)));
  }
  return results;
}

function chunksOf(entries: ReadonlyMap<number, Entry>): Waiting[][] {
  const chunks: Waiting[][] = [];
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const [index, entry] of entries) {
    const json = JSON.stringify(entry);
    const ownBytes = encoder.encode(json).length + 1;
    const chunk = chunks.at(-1);
    if (chunk === undefined || chunk.length === mostEntries || bytes + ownBytes > mostBytes) {
      chunks.push([{ index, entry, json }]);
      bytes = ownBytes;
    } else {
      chunk.push({ index, entry, json });
      bytes += ownBytes;
    }
  }
  return chunks;
}

/** Sends a chunk, and again what of it may be sent again. Resolves to the error when the call failed as a whole. */
async function sendChunk(
  chunk: readonly Waiting[],
  results: Map<number, EnqueueResult>,
  { call, random = Math.random, sleep = machineSleep }: Sending,
): Promise<TendrilError | undefined> {
  let left = chunk;
  for (let tries = 1; ; tries += 1) {
    const repeatable = left.every(({ entry }) => entry.key !== undefined);
    let answers: readonly unknown[];
    try {
      const body = `[${left.map(({ json }) => json).join()}]`;
      answers = readAnswers(await call({ method: "POST", path: "/jobs", body, repeatable }), left.length);
    } catch (error) {
      if (!(error instanceof TendrilError)) throw error;
      for (const { index, entry } of left) results.set(index, refused(entry, error));
      return error;
    }
    left = left.filter(({ index, entry }, position) => {
      const { result, again } = readAnswer(entry, answers[position]);
      results.set(index, result);
      return again;
    });
    if (left.length === 0 || tries === mostTries) return undefined;
    await sleep(fullJitterMs(tries, pauses, random()));
  }
}

function readAnswers(answer: unknown, expected: number): readonly unknown[] {
  const { jobs } = membersOf(answer);
  if (Array.isArray(jobs) && jobs.length === expected) return jobs;
  throw new TendrilError("request_failed", {
    where: "POST /jobs",
    given: "an answer that is not one for each job",
    allowed: `${expected} answers`,
    fix: "See whether the address is a Tendril API's.",
  });
}

/** What became of one job, and whether sending it again can help and is safe. */
function readAnswer(entry: Entry, answer: unknown): { readonly result: EnqueueResult; readonly again: boolean } {
  const { status, problem, job_id: given } = membersOf(answer);
  if (status === 202) return { result: { kind: "enqueued", id: readJobId(answer) }, again: false };
  const code = typeof status === "number" ? status : 500;
  const isKeyed = entry.key !== undefined;
  const error = errorOfProblem(code, problem, "POST /jobs");
  const shown = code >= 500 && !isKeyed ? outcomeUnknown(error) : error;
  const result =
    typeof given === "string" ? { ...refused(entry, shown), id: readJobId(answer) } : refused(entry, shown);
  return { result, again: code === 429 || (isKeyed && [502, 503, 504].includes(code)) };
}

function refused(entry: Entry, error: TendrilError): EnqueueResult {
  const id: JobId | undefined = idOf(entry);
  return { kind: "refused", ...(id === undefined ? {} : { id }), error };
}

function notSent(cause: TendrilError): TendrilError {
  return new TendrilError(cause.code, {
    where: "POST /jobs",
    given: "a job behind a call that failed",
    allowed: "that the calls before it are answered",
    fix: "It was not sent: send it again.",
    cause,
  });
}
