import { text } from "node:stream/consumers";
import { readJobId } from "@tendril/client/http-entry";
import { awaitJob, failureOf } from "./await-job.ts";
import { readJson } from "./read-json.ts";
import { openRemote, type Remote } from "./remote.ts";
import type { SendCommand, SendOne } from "./send-command.ts";

/**
 * `tendril send`: enqueues a job, or one for each line of a file. Standard output has the job's id; with `--wait` its
 * result; with `--json` what the API has said. Errors: what the API answers, `input_invalid` for what is no JSON, and with
 * `--wait` `job_failed`, `wait_timed_out` and `job_untracked`.
 */
export async function send(command: SendCommand): Promise<void> {
  const remote = await openRemote(command.remote);
  if (command.kind === "one") return sendOne(command, remote);
  return (await import("./send-file.ts")).sendFile(command, remote);
}

async function sendOne(command: SendOne, { call }: Remote): Promise<void> {
  const { type, place, key, waitMs, json } = command;
  const input = await readInput(command.input);
  const body = JSON.stringify({ type, input, ...place, key });
  const answer = await call({ method: "POST", path: "/jobs", body, repeatable: key !== undefined });
  const id = readJobId(answer);
  if (waitMs === undefined) return console.log(json ? JSON.stringify(answer, null, 2) : id);
  console.error(`enqueued ${id}`);
  const seen = await awaitJob(call, id, waitMs);
  const failure = failureOf(seen.job);
  if (json) console.log(JSON.stringify(seen.json, null, 2));
  else if (seen.job.result !== undefined) console.log(JSON.stringify(seen.job.result, null, 2));
  if (failure !== undefined) throw failure;
}

async function readInput(input: SendOne["input"]): Promise<unknown> {
  switch (input.kind) {
    case "none":
      return undefined;
    case "stdin":
      return readJson(await text(process.stdin), "standard input");
    case "json":
      return readJson(input.text, "the input");
  }
}
