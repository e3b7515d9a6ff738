/**
 * Lets stack traces name the lines of the sources, for whoever imports it. A bundle's source map is read when the first
 * stack is: Node's `--enable-source-maps` reads it at each cold start, which takes a quarter of that.
 */
import type { SourceMap } from "node:module";

const maps = new Map<string, SourceMap | undefined>();

Error.prepareStackTrace = (error, calls) =>
  [headOf(error), ...calls.map((call) => `    at ${mapPlace(String(call))}`)].join("\n");

function headOf(error: unknown): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}

function mapPlace(frame: string): string {
  return frame.replace(/(?:file:\/\/)?(\/[^\s()]+\.mjs):(\d+):(\d+)/, (place, file: string, line, column) => {
    const origin = mapOf(file)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !("fileName" in origin)) return place;
    return `${origin.fileName.replace(/^(?:\.\.\/)+/, "")}:${origin.lineNumber}:${origin.columnNumber}`;
  });
}

function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) maps.set(file, readMap(file));
  return maps.get(file);
}

function readMap(file: string): SourceMap | undefined {
  try {
    const { SourceMap: Reader } = process.getBuiltinModule("node:module");
    return new Reader(JSON.parse(process.getBuiltinModule("node:fs").readFileSync(`${file}.map`, "utf8")));
  } catch {
    return undefined;
  }
}
