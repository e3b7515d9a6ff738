import { TendrilError } from "@tendril/core/errors";

/** Reads an environment variable that the plan sets. Error: `environment_invalid`. */
export function readVariable(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  throw variableInvalid(name, "nothing", "a text");
}

/** Reads an environment variable that holds a whole number from 1 to 100. Error: `environment_invalid`. */
export function readJobsAtOnce(name: string): number {
  const text = readVariable(name);
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= 100) return count;
  throw variableInvalid(name, JSON.stringify(text), "a whole number from 1 to 100");
}

function variableInvalid(name: string, given: string, allowed: string): TendrilError {
  const fix = "Give the function the environment that its plan names.";
  return new TendrilError("environment_invalid", { where: name, given, allowed, fix });
}
