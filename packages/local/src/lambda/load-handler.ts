import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { HandlerContext } from "./handler-context.ts";

/** A function's handler. Callbacks are gone since Lambda's Node 24. */
export type Handler = (event: unknown, context: HandlerContext) => unknown;

/** Tried in this order. Lambda itself knows the last three: TypeScript is what this one runs without a bundle. */
const extensions = [".ts", ".mts", ".js", ".mjs", ".cjs"];

/**
 * Imports the handler that `name` names below `root`: a path without its extension, then a dot, then an export, e.g.
 * "src/worker.handler". Throws Lambda's own errors (`Runtime.ImportModuleError`, `Runtime.HandlerNotFound`, …) and
 * whatever the module throws.
 */
export async function loadHandler(root: string, name: string): Promise<Handler> {
  if (name.includes("..")) throw lambdaError("MalformedHandlerName", `'${name}' is not a valid handler name`);
  const [, moduleName, exportName] = /^([^.]*)\.(.*)$/.exec(basename(name)) ?? [];
  if (!moduleName || !exportName) throw lambdaError("MalformedHandlerName", "Bad handler");
  const file = findFile(join(root, dirname(name), moduleName));
  if (!file) {
    const tried = extensions.join(", ");
    throw lambdaError("ImportModuleError", `Error: Cannot find module '${join(dirname(name), moduleName)}' (${tried})`);
  }
  const exported = findExport(await importUserCode(file), exportName);
  if (!exported) throw lambdaError("HandlerNotFound", `${name} is undefined or not exported`);
  if (!isHandler(exported)) throw lambdaError("HandlerNotFound", `${name} is not a function`);
  if (exported.length >= 3) throw lambdaError("CallbackHandlerDeprecated", callbackRefusal);
  return exported;
}

const callbackRefusal =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
  "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
  "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

const findFile = (path: string): string | undefined =>
  extensions.map((extension) => path + extension).find((file) => existsSync(file));

async function importUserCode(file: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const error = lambdaError("UserCodeSyntaxError", `SyntaxError: ${cause.message}`, cause);
    // The user's stack tells the place.
    if (cause.stack) error.stack = cause.stack;
    throw error;
  }
}

/** The export at a path such as "handler" or "queues.worker", also of a CommonJS module. */
function findExport(module: unknown, path: string): unknown {
  return property(module, path) ?? property(property(module, "default"), path);
}

function property(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, key);
  }
  return found;
}

const isHandler = (value: unknown): value is Handler => typeof value === "function";

function lambdaError(name: string, message: string, cause?: unknown): Error {
  const error = new Error(message, { cause });
  error.name = `Runtime.${name}`;
  return error;
}
