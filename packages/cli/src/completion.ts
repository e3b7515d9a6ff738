import { membersOf } from "@tendril/client/job-json";
import { TendrilError } from "@tendril/core/errors";
import { type CommandHelp, type CompletionCommand, completables, optionValues } from "./completion-command.ts";
import { completionScript } from "./completion-scripts.ts";
import { openProject } from "./project.ts";
import { openRemote } from "./remote.ts";

/** A shell waits for it. */
const longestAskMs = 3_000;

/**
 * `tendril completion`: prints the script of a shell, or the job types, one a line. Errors: those of a project that does
 * not load, and of an API that does not answer.
 */
export async function completion(
  command: CompletionCommand,
  helpOf: Readonly<Record<string, CommandHelp>>,
): Promise<void> {
  if (command !== "types") return console.log(completionScript(command, completables(helpOf), optionValues));
  for (const type of await findTypes()) console.log(type);
}

async function findTypes(): Promise<readonly string[]> {
  try {
    const { tier } = await openProject(process.cwd());
    return tier.jobs.map(({ type }) => type);
  } catch (error) {
    if (!(error instanceof TendrilError) || error.code !== "project_missing") throw error;
  }
  const here = { url: undefined, tokenFile: undefined, sign: false, region: undefined };
  const { call } = await openRemote(here);
  const signal = AbortSignal.timeout(longestAskMs);
  return typesOf(await call({ method: "GET", path: "/openapi.json", repeatable: true, signal }));
}

/** The job types that an OpenAPI document of Tendril's has. */
function typesOf(document: unknown): string[] {
  const route = "/job/post/";
  return Object.keys(membersOf(membersOf(document).paths)).flatMap((path) =>
    path.startsWith(route) && !path.includes("{") ? [path.slice(route.length)] : [],
  );
}
