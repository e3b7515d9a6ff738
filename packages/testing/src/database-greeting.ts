/** What the process that holds PostgreSQL says to who connects to it: a line at once, and one when it knows how it went. */
export type Greeting =
  | { readonly folder: string; readonly kind: "starting" }
  | { readonly folder: string; readonly kind: "ready"; readonly url: string }
  /** PostgreSQL does not start. */
  | { readonly folder: string; readonly kind: "failed"; readonly error: string };

const mark = "tendril-testing 1 ";

/** Writes the line. */
export const greeting = (said: Greeting): string => `${mark}${JSON.stringify(said)}\n`;

/** Reads the line; undefined when it was not said by such a process, or is of another folder. */
export function readGreeting(line: string, folder: string): Greeting | undefined {
  if (!line.startsWith(mark)) return undefined;
  const said: Greeting = JSON.parse(line.slice(mark.length));
  return said.folder === folder ? said : undefined;
}
