import { TendrilError } from "@tendril/core/errors";

/** Reads an environment variable that the plan sets. Error: `environment_invalid`. */
export function readVariable(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  throw variableInvalid(name, "nothing", "a text");
}

/** Reads an environment variable that holds a whole number within bounds. Error: `environment_invalid`. */
export function readWholeNumber(name: string, [from, to]: readonly [number, number]): number {
  const text = readVariable(name);
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= from && number <= to) return number;
  throw variableInvalid(name, JSON.stringify(text), `a whole number from ${from} to ${to}`);
}

function variableInvalid(name: string, given: string, allowed: string): TendrilError {
  const fix = "Give the function the environment that its plan names.";
  return new TendrilError("environment_invalid", { where: name, given, allowed, fix });
}
