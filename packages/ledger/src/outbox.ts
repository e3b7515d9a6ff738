import type { Row } from "@tendril/core/handler";
import { type JobId, parseJobId } from "@tendril/core/job-id";
import type { OutgoingMessage } from "@tendril/core/message";
import { outboxEntryJson } from "@tendril/core/outbox-entry";
import type { Database } from "./database.ts";

/**
 * How much of follow-ups one call writes, in bytes of JSON; a single one may have more (1.4 MB for the longest message).
 * The Data API takes 4 MiB a request. https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
 */
const longestChunkBytes = 1024 * 1024;

/** Follow-ups as lists of JSON that `tendril.finish` takes, each for one call; none for no follow-ups. */
export function chunksOf(followUps: readonly OutgoingMessage[]): string[] {
  // Two jobs with the same follow-ups write them in the same order, and so never wait for each other in a circle.
  const entries = followUps.map((followUp, position) => ({ id: followUp.id, position, followUp }));
  entries.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.position - b.position));
  const chunks: string[][] = [];
  let bytes = 0;
  for (const { followUp, position } of entries) {
    const json = outboxEntryJson(followUp, position, toBase64);
    bytes += Buffer.byteLength(json) + 1;
    const chunk = chunks.at(-1);
    if (chunk === undefined || bytes > longestChunkBytes) {
      chunks.push([json]);
      bytes = Buffer.byteLength(json);
    } else {
      chunk.push(json);
    }
  }
  return chunks.map((chunk) => `[${chunk.join()}]`);
}

const toBase64 = (text: string): string => Buffer.from(text).toString("base64");

/** How much of follow-ups one call reads, in bytes. The Data API's response has at most 1 MiB, and JSON grows. */
const pageBytes = 300_000;

const pageSql = "select * from tendril.follow_ups(:p1::uuid, :p2::int, :p3::int, :p4::int)";

/** The follow-ups of a job that stand in the outbox, in their order, a page at a time; each page has at least one. */
export async function* readFollowUps(
  database: Database,
  jobId: JobId,
  signal: AbortSignal,
): AsyncGenerator<readonly OutgoingMessage[]> {
  let position = 0;
  let piece = 0;
  /** The pieces so far of the follow-up that the last page broke off in. */
  let begun: Piece[] = [];
  for (let bytes = pageBytes; bytes >= pageBytes; ) {
    const values = [jobId, position, piece, pageBytes];
    const pieces = (await database.execute(pageSql, values, { signal, repeatable: true })).map(readPiece);
    const page: OutgoingMessage[] = [];
    bytes = 0;
    for (const next of pieces) {
      // One that somebody else has sent and cleared meanwhile never ends.
      if (begun[0]?.id !== next.id) begun = [];
      begun.push(next);
      bytes += next.bytes;
      ({ position, piece } = after(next));
      if (begun.length < next.pieces) continue;
      page.push(join(begun[0] ?? next, begun));
      begun = [];
    }
    if (page.length > 0) yield page;
  }
}

/** A row of `tendril.follow_ups`. */
interface Piece {
  readonly id: JobId;
  readonly position: number;
  readonly queue: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly notBeforeMs: number | undefined;
  readonly group: string | undefined;
  readonly piece: number;
  readonly pieces: number;
  readonly body: Buffer;
  readonly bytes: number;
}

function readPiece(row: Row): Piece {
  return {
    id: parseJobId(String(row.id)),
    position: Number(row.position),
    queue: String(row.queue),
    attributes: row.attributes === null ? {} : (JSON.parse(String(row.attributes)) as Record<string, string>),
    notBeforeMs: row.not_before_ms === null ? undefined : Number(row.not_before_ms),
    group: row.message_group === null ? undefined : String(row.message_group),
    piece: Number(row.piece),
    pieces: Number(row.pieces),
    body: Buffer.from(String(row.body), "base64"),
    bytes: Number(row.bytes),
  };
}

const after = ({ position, piece, pieces }: Piece): { position: number; piece: number } =>
  piece + 1 < pieces ? { position, piece: piece + 1 } : { position: position + 1, piece: 0 };

function join(first: Piece, pieces: readonly Piece[]): OutgoingMessage {
  const { id, queue, attributes, notBeforeMs, group } = first;
  return {
    id,
    queue,
    body: Buffer.concat(pieces.map((piece) => piece.body)).toString("utf8"),
    attributes,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(group === undefined ? {} : { group }),
  };
}

/** Ids a call: with 37 characters each they stay far below the Data API's 4 MiB. */
const mostIds = 20_000;

// A list that is made once, and that Postgres takes for a short one: each of its ids is looked up by the index.
const clearSql = "delete from tendril.outbox where id = any (array(select unnest(:p1::text::uuid[])))";

/** Forgets follow-ups, whoever enqueued them. */
export async function clearFollowUps(database: Database, ids: readonly JobId[], signal: AbortSignal): Promise<void> {
  for (let start = 0; start < ids.length; start += mostIds) {
    const list = `{${ids.slice(start, start + mostIds).join()}}`;
    await database.execute(clearSql, [list], { signal, repeatable: true });
  }
}
