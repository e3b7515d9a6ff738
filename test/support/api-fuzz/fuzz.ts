import { Agent, request as httpRequest } from "node:http";
import fc from "fast-check";
import { documentCheck } from "./document-check.ts";
import { mutated } from "./mutations.ts";
import { type FuzzAnswer, type FuzzCase, judge, operationOf } from "./oracle.ts";
import { type FuzzRequest, validRequests, wireHeaders } from "./requests.ts";
import type { RunningApi } from "./running-api.ts";

export interface ApiFuzzOptions {
  readonly api: RunningApi;
  readonly seed: number;
  readonly cases: number;
  /** Told after each round. */
  readonly log: (line: string) => void;
}

export interface ApiFuzzResult {
  /** What the API must not do, each with the first request that it did it to. The fuzzing ends after 20. */
  readonly problems: readonly string[];
  readonly cases: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Codes of refusals, and how often they came. */
  readonly codes: Readonly<Record<string, number>>;
  /** Operations that were answered without refusal at least once. */
  readonly succeeded: ReadonlySet<string>;
}

/** After so many requests the ledger and the dead letters are made as they were. */
const casesPerRound = 60;

const mostProblems = 20;

/** Sends requests, right and wrong, one after the other, and judges each answer and what it has changed. */
export async function fuzzApi({ api, seed, cases, log }: ApiFuzzOptions): Promise<ApiFuzzResult> {
  const agent = new Agent({ keepAlive: true });
  const check = documentCheck(api.document);
  const requests = mutated(validRequests(api.document, api));
  const problems = new Map<string, string>();
  const statuses: Record<string, number> = {};
  const codes: Record<string, number> = {};
  const succeeded = new Set<string>();
  let done = 0;
  for (let round = 0; done < cases && problems.size < mostProblems; round += 1) {
    await api.reset();
    let before = await api.counts();
    for (const request of fc.sample(requests, {
      seed: seed * 10_000 + round,
      numRuns: Math.min(casesPerRound, cases - done),
    })) {
      done += 1;
      const answer = await api.passing(send(api.url, request, agent));
      const after = await api.counts();
      const reasons = judge(api.document, check, { request, answer, before, after });
      before = after;
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const code = /"code":"(\w+)"/.exec(answer.text)?.[1];
      if (answer.status >= 400 && code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
      const operation = operationOf(api.document, request);
      if (answer.status < 300 && operation !== undefined) succeeded.add(operation.operationId);
      for (const reason of reasons) {
        if (!problems.has(reason)) problems.set(reason, wordProblem({ request, answer }, reason));
      }
      if (problems.size >= mostProblems) break;
    }
    log(`${done} of ${cases} cases, ${problems.size} problems, ${JSON.stringify(statuses)}`);
  }
  agent.destroy();
  const failures = api.failures().map((line) => `logged as a failure: ${line.slice(0, 500)}`);
  return { problems: [...problems.values(), ...failures], cases: done, statuses, codes, succeeded };
}

/** Sends a request as it is: `fetch` would mend some of them. */
function send(url: string, request: FuzzRequest, agent: Agent): Promise<FuzzAnswer> {
  const { hostname, port } = new URL(url);
  const { method, target, body } = request;
  const headers = { ...wireHeaders(request), ...(body === undefined ? {} : { "content-length": String(body.length) }) };
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path: target, headers: latin(headers), agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => void chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Headers as bytes: what is UTF-8 arrives as such. */
const latin = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString("latin1")]));

function wordProblem({ request, answer }: Pick<FuzzCase, "request" | "answer">, reason: string): string {
  const { method, target, body, caller, headers, mutations } = request;
  const sent =
    body === undefined
      ? "no body"
      : `${body.length} bytes ${JSON.stringify(new TextDecoder().decode(body.slice(0, 600)))}`;
  return [
    reason,
    `  ${method} ${target} as ${caller} ${JSON.stringify(headers)} [${mutations.join(", ")}]`,
    `  ${sent}`,
    `  ${answer.status} ${answer.text.slice(0, 600)}`,
  ].join("\n");
}
