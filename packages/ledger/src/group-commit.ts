import type { Row } from "@tendril/core/handler";
import { isDatabaseAway } from "./call.ts";
import type { CollectedWrite } from "./collected-writes.ts";
import type { Database } from "./database.ts";
import type { ClaimedDelivery, JobEnd } from "./ledger.ts";
import { chunksOf } from "./outbox.ts";
import type { Transaction } from "./transaction.ts";

/** A job whose handler has succeeded without a claim, with all that is to be committed. */
export interface GroupedJob extends JobEnd {
  readonly delivery: ClaimedDelivery;
  readonly writes: readonly CollectedWrite[];
}

/** What became of a job of a group. */
export type GroupEnd =
  /** It was claimed, and what it wrote is committed. */
  | { readonly kind: "done"; readonly attempt: number }
  /** Nothing of it is committed: it is to be claimed, and judged, in a transaction of its own. */
  | { readonly kind: "alone"; readonly reason: string }
  /** It was not looked at: it is to go with the next group. */
  | { readonly kind: "unreached" };

/**
 * How much one call carries, in bytes of the request; the Data API takes 4 MiB.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
 */
const longestCallBytes = 3 * 1024 * 1024;

/** Postgres keeps the numbers of 64 subtransactions at hand; with more of them everybody's snapshots become slow. */
const mostJobs = 50;

const groupSql = "select * from tendril.commit_group(:p1::text::json)";

/**
 * Commits as many of the jobs as go together, the first one always, in one call that is never repeated. Resolves to one end
 * for each job. Rejects when nobody knows what the call did (see `isDatabaseAway`): then each of them is done or is not.
 */
export async function commitGroup(
  database: Database,
  jobs: readonly GroupedJob[],
  signal: AbortSignal,
): Promise<readonly GroupEnd[]> {
  const texts: string[] = [];
  let bytes = 0;
  for (const job of jobs.slice(0, mostJobs)) {
    const text = jobJson(job);
    bytes += text === undefined ? longestCallBytes : requestBytes(text);
    if (text === undefined || bytes > longestCallBytes) break;
    texts.push(text);
  }
  if (texts.length === 0) return jobs.map((_, index) => (index === 0 ? tooLarge : unreached));
  const found = await callGroup(database, texts, signal);
  if (!found.has(0)) throw new Error("tendril.commit_group has no row for its first job: it is of another version.");
  return jobs.map((_, index) => found.get(index) ?? unreached);
}

async function callGroup(
  database: Database,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, GroupEnd>> {
  try {
    const rows = await database.execute(groupSql, [`[${texts.join()}]`], { signal });
    return new Map(rows.map((row) => [Number(row.place), endOf(row)]));
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    // Postgres has refused the whole, e.g. for a constraint that is checked at the commit: nothing of it is committed.
    const reason = error instanceof Error ? error.message : String(error);
    return new Map(texts.map((_, index) => [index, { kind: "alone", reason }]));
  }
}

const unreached: GroupEnd = { kind: "unreached" };
const tooLarge: GroupEnd = { kind: "alone", reason: "it is too large for one call" };

const endOf = ({ attempt, reason }: Row): GroupEnd =>
  attempt === null ? { kind: "alone", reason: String(reason) } : { kind: "done", attempt: Number(attempt) };

/** As `tendril.commit_group` takes it; undefined when its follow-ups alone fill more than one call. */
function jobJson({ delivery, writes, result, followUps }: GroupedJob): string | undefined {
  const { job, queue, messageId } = delivery;
  const [chunk, ...more] = chunksOf(followUps);
  if (more.length > 0) return undefined;
  const head = JSON.stringify({
    id: job.id,
    type: job.type,
    queue,
    message_id: messageId,
    ...(job.schedule === undefined
      ? {}
      : { schedule: job.schedule.name, scheduled_at: job.schedule.scheduledAt.toISOString() }),
    writes,
  });
  // These two are JSON already.
  const tail = `${result === undefined ? "" : `,"result":${result}`}${chunk === undefined ? "" : `,"follow_ups":${chunk}`}`;
  return `${head.slice(0, -1)}${tail}}`;
}

/** The text stands in the request as a string of JSON. */
const requestBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) + 1;

/** Runs statements in a job's transaction, in their order, with as many calls as their size needs; none for none. */
export async function writeIn(transaction: Transaction, writes: readonly CollectedWrite[]): Promise<void> {
  const chunks: string[][] = [];
  let bytes = longestCallBytes;
  for (const write of writes) {
    const text = JSON.stringify(write);
    bytes += requestBytes(text);
    if (bytes > longestCallBytes) {
      chunks.push([]);
      bytes = requestBytes(text);
    }
    chunks.at(-1)?.push(text);
  }
  for (const chunk of chunks) await transaction.sql`select tendril.write(${`[${chunk.join()}]`}::text::json)`;
}
