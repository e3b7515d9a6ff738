import { TendrilError } from "@tendril/core/errors";

/** Where a page ends: a job's place in the order of pages. */
export interface Place {
  /** Microseconds since 1970: what Postgres keeps. */
  readonly atMicros: number;
  readonly id: string;
}

/** The place as text that says nothing to those who carry it. */
export function writeCursor({ atMicros, id }: Place): string {
  return Buffer.from(JSON.stringify([atMicros, id])).toString("base64url");
}

const placePattern = /^\[(-?(?:0|[1-9]\d{0,15})),"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"\]$/;

/** Reads a text of `writeCursor`. Error: `query_invalid` for any other. */
export function readCursor(text: string): Place {
  const [, atMicros, id] = placePattern.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  const place = id === undefined ? undefined : { atMicros: Number(atMicros), id };
  // Base64 is read leniently, numbers too: only the one spelling counts.
  if (place !== undefined && writeCursor(place) === text) return place;
  throw new TendrilError("query_invalid", {
    where: "cursor",
    given: `a text of ${text.length} characters`,
    allowed: "the cursor that came with a page",
    fix: "Begin again without a cursor.",
  });
}
