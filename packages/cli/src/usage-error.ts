import { type ParseArgsConfig, parseArgs } from "node:util";
import { TendrilError } from "@tendril/core/errors";

/** A command line that cannot be read: the error `usage`. */
export function usageError(given: string, allowed: string): TendrilError {
  return new TendrilError("usage", { given: JSON.stringify(given), allowed, fix: "See `tendril help`." });
}

/** Node's `parseArgs`, whose refusals are the error `usage`; `given` is the command line as it is to be shown. */
export function parseWords<const Config extends ParseArgsConfig>(
  config: Config,
  given: string,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw usageError(given, error instanceof Error ? (error.message.split("\n")[0] ?? "") : "known options");
  }
}

/** Reads a whole number of an option. Error: `usage`, with the range. */
export function readNumber(option: string, text: string, [from, to]: readonly [number, number]): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= from && number <= to) return number;
  throw usageError(`${option} ${text}`, `${option} with a number from ${from} to ${to}`);
}
