/** A `:name` in a statement; start and end in UTF-16 units, the colon included. */
export interface NamedParameter {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const identifierStart = "A-Za-z_\\u0080-\\uffff";
const identifierPart = `${identifierStart}0-9$`;

/**
 * What has to be told apart to find parameters, after Postgres's own lexical rules
 * (https://www.postgresql.org/docs/17/sql-syntax-lexical.html). Identifiers and numbers are taken whole, so that `a$b$c`
 * opens no dollar quote and `namee'…'` no escape string. What matches nothing here is passed over.
 */
const tokens = new RegExp(
  [
    `(?<escaped>[eE]')`,
    `'[^']*(?:''[^']*)*(?:'|$)`,
    `"[^"]*(?:""[^"]*)*(?:"|$)`,
    `--[^\\n\\r]*`,
    `(?<comment>/\\*)`,
    `\\$(?<tag>(?:[${identifierStart}][${identifierStart}0-9]*)?)\\$`,
    `[${identifierStart}][${identifierPart}]*`,
    `[0-9][${identifierPart}]*`,
    `::`,
    `:(?<name>[A-Za-z0-9_]+)`,
  ].join("|"),
  "g",
);

const escapedBody = /[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|\\?$)/y;
const commentEdge = /\/\*|\*\//g;

/** A string constant goes on in the next quotes when only white space with a line break is between. */
const continuation = /(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;

/** Finds the named parameters of a statement, in order. */
export function scanSql(sql: string): NamedParameter[] {
  const found: NamedParameter[] = [];
  if (!sql.includes(":")) return found;
  tokens.lastIndex = 0;
  for (let match = tokens.exec(sql); match !== null; match = tokens.exec(sql)) {
    const { name, escaped, comment, tag } = match.groups ?? {};
    const end = tokens.lastIndex;
    if (name !== undefined) found.push({ name, start: match.index, end });
    else if (escaped !== undefined) tokens.lastIndex = endOfEscapeString(sql, end);
    else if (comment !== undefined) tokens.lastIndex = endOfComment(sql, end);
    else if (tag !== undefined) tokens.lastIndex = endOfDollarQuote(sql, end, `$${tag}$`);
  }
  return found;
}

function endOfEscapeString(sql: string, start: number): number {
  let end = start;
  for (let goesOn = true; goesOn; ) {
    end = endOf(escapedBody, sql, end) ?? sql.length;
    const next = endOf(continuation, sql, end);
    goesOn = next !== undefined;
    end = next ?? end;
  }
  return end;
}

function endOfComment(sql: string, start: number): number {
  commentEdge.lastIndex = start;
  let depth = 1;
  while (depth > 0) {
    const edge = commentEdge.exec(sql);
    if (edge === null) return sql.length;
    depth += edge[0] === "/*" ? 1 : -1;
  }
  return commentEdge.lastIndex;
}

function endOfDollarQuote(sql: string, start: number, quote: string): number {
  const end = sql.indexOf(quote, start);
  return end < 0 ? sql.length : end + quote.length;
}

function endOf(pattern: RegExp, sql: string, start: number): number | undefined {
  pattern.lastIndex = start;
  return pattern.test(sql) ? pattern.lastIndex : undefined;
}
