import { TendrilError } from "@tendril/core/errors";
import { endOfComment } from "./split-sql.ts";

/** https://www.postgresql.org/docs/17/sql-commands.html */
const control =
  /(?:begin|commit|end|abort|start|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/iy;

/** White space, the start of a comment to the line's end, the start of any other comment. */
const blank = /\s+|--[^\n]*|\/\*/y;

/**
 * Refuses statements that begin or end a transaction. The job's is the worker's to end: what came after a handler's own
 * "commit" would not be undone with the job. Error: `sql_not_allowed`.
 */
export function refuseControl(sql: string, where: string): void {
  control.lastIndex = endOfBlank(sql);
  const word = control.exec(sql)?.[0];
  if (word === undefined) return;
  throw new TendrilError("sql_not_allowed", {
    where,
    given: JSON.stringify(word),
    allowed: "any statement but those that begin or end a transaction",
    fix: "Throw to undo everything; use a savepoint to undo a part.",
  });
}

const forOthers = /(?:savepoint|release|rollback|set|reset|discard)\b/iy;
const setting = /\bset_config\b/i;

/**
 * Refuses what would reach other jobs' statements in the transaction of a group: settings last until its end. Error:
 * `sql_not_allowed`.
 */
export function refuseForOthers(sql: string, where: string): void {
  forOthers.lastIndex = endOfBlank(sql);
  const word = forOthers.exec(sql)?.[0] ?? setting.exec(sql)?.[0];
  if (word === undefined) return;
  throw new TendrilError("sql_not_allowed", {
    where,
    given: JSON.stringify(word),
    allowed: "statements that make no savepoints and change no settings",
    fix: 'Leave `commit: "grouped"` out of the job type, and the job gets a transaction of its own.',
  });
}

function endOfBlank(sql: string): number {
  let end = 0;
  for (;;) {
    blank.lastIndex = end;
    const match = blank.exec(sql);
    if (match === null) return end;
    end = match[0] === "/*" ? endOfComment(sql, blank.lastIndex) : blank.lastIndex;
  }
}
