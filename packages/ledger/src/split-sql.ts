/** A statement of a script. */
export interface Statement {
  /** Counted from 1. */
  readonly number: number;
  /** Without the semicolon and the white space around it; comments inside and before it are kept. */
  readonly sql: string;
}

/**
 * What may hold a semicolon that ends nothing, and the words that open and close blocks: comment to the line's end,
 * comment, E'' string, string, quoted identifier, dollar quote, word, anything else. Nested comments are followed by hand.
 * https://www.postgresql.org/docs/17/sql-syntax-lexical.html
 */
const token =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$(?<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|\d[\w$]*|[\s\S]/gy;

/**
 * Splits a script at its semicolons, because the Data API takes one statement a call. Semicolons in strings, quoted
 * identifiers, comments, dollar quotes, parentheses and `begin atomic … end` bodies belong to their statement. Pieces
 * without a statement (only white space and comments) are left out. What is not closed reaches to the end of the script:
 * Postgres will say so.
 */
export function splitSql(script: string): Statement[] {
  const statements: Statement[] = [];
  let piece = emptyPiece(0);
  const finish = (end: number): void => {
    const sql = script.slice(piece.start, end).trim();
    if (piece.hasStatement) statements.push({ number: statements.length + 1, sql });
  };
  token.lastIndex = 0;
  for (let match = token.exec(script); match !== null; match = token.exec(script)) {
    const [text] = match;
    const { tag, word } = match.groups ?? {};
    if (text === "/*") token.lastIndex = endOfComment(script, token.lastIndex);
    else if (text === ";" && piece.parentheses === 0 && piece.blocks === 0) {
      finish(match.index);
      piece = emptyPiece(token.lastIndex);
    } else if (!text.startsWith("--") && text.trim() !== "") {
      piece.hasStatement = true;
      if (tag !== undefined) token.lastIndex = endOfDollarQuote(script, token.lastIndex, text);
      else if (word !== undefined) takeWord(piece, word.toLowerCase());
      else if (text === "(") piece.parentheses += 1;
      else if (text === ")") piece.parentheses = Math.max(0, piece.parentheses - 1);
    }
  }
  finish(script.length);
  return statements;
}

interface Piece {
  readonly start: number;
  hasStatement: boolean;
  parentheses: number;
  /** Open `begin atomic` and, inside of it, `case`. */
  blocks: number;
  lastWord: string;
}

const emptyPiece = (start: number): Piece => ({ start, hasStatement: false, parentheses: 0, blocks: 0, lastWord: "" });

function takeWord(piece: Piece, word: string): void {
  if (word === "atomic" && piece.lastWord === "begin") piece.blocks += 1;
  else if (piece.blocks > 0 && word === "case") piece.blocks += 1;
  else if (piece.blocks > 0 && word === "end") piece.blocks -= 1;
  piece.lastWord = word;
}

/** Where a comment ends whose text begins at `start`; comments in it are followed. */
export function endOfComment(script: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(script);
    if (match === null) return script.length;
    depth += match[0] === "/*" ? 1 : -1;
  }
  return mark.lastIndex;
}

function endOfDollarQuote(script: string, start: number, quote: string): number {
  const end = script.indexOf(quote, start);
  return end < 0 ? script.length : end + quote.length;
}
