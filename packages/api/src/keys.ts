import type { JobStore } from "@tendril/core/job-record";
import type { OutgoingMessage } from "@tendril/core/message";
import { rejectOnAbort } from "./budget.ts";

/** A job that is about to be sent, under an idempotency key or without one. */
export interface Keyed {
  readonly type: string;
  readonly message: OutgoingMessage;
  /** Of the input of a job with a key. */
  readonly inputHash: string | undefined;
}

/** How long the ledger may take to note keys, in milliseconds; jobs are sent without it after that. */
const longestNoteMs = 1500;

/**
 * Notes the keys of jobs, and gives the jobs that may be sent, in their order: those without a key, and those whose key
 * was free or had the same input. When the ledger does not answer, `onUnnoted` is told why, and only what the jobs
 * themselves tell counts: of one key, the first one's input is the one that fits.
 */
export async function keysThatFit<Job extends Keyed>(
  jobs: readonly Job[],
  store: (() => Promise<JobStore>) | undefined,
  onUnnoted: (error: unknown) => void,
): Promise<ReadonlySet<Job>> {
  const keyed = jobs.filter(({ inputHash }) => inputHash !== undefined);
  if (keyed.length === 0) return new Set(jobs);
  const fits = (store && (await note(keyed, store, onUnnoted))) ?? compare(keyed);
  const unfit = new Set(keyed.filter((_, index) => fits[index] === false));
  return new Set(jobs.filter((job) => !unfit.has(job)));
}

async function note(
  keyed: readonly Keyed[],
  store: () => Promise<JobStore>,
  onUnnoted: (error: unknown) => void,
): Promise<readonly boolean[] | undefined> {
  const signal = AbortSignal.timeout(longestNoteMs);
  const jobs = keyed.map(({ type, message: { id, queue }, inputHash = "" }) => ({ id, type, queue, inputHash }));
  try {
    return await Promise.race([store().then((ledger) => ledger.note(jobs, signal)), rejectOnAbort(signal)]);
  } catch (error) {
    onUnnoted(error);
    return undefined;
  }
}

function compare(keyed: readonly Keyed[]): readonly boolean[] {
  const first = new Map([...keyed].reverse().map(({ message, inputHash }) => [message.id, inputHash]));
  return keyed.map(({ message, inputHash }) => first.get(message.id) === inputHash);
}
