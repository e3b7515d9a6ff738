/** Shoots in a process of its own: one message is one volley, and its answer what came of it. */
import { performance } from "node:perf_hooks";
import autocannon from "autocannon";
import { loadToken } from "./api-load-apps.ts";

/** What is asked for. */
export interface Volley {
  readonly url: string;
  readonly connections: number;
  readonly requests: number;
  /** Jobs of a request; 1: an object, more: a list. */
  readonly jobs: number;
}

/** What came of it. */
export interface Shot {
  /** Answers by their status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that got no answer. */
  readonly lost: number;
  readonly seconds: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

process.on("disconnect", () => process.exit());
process.on("message", (volley: Volley) => void shoot(volley).then((shot) => process.send?.(shot)));

async function shoot({ url, connections, requests, jobs }: Volley): Promise<Shot> {
  const job = { type: "LoadJob", input: { to: "somebody@example.com", text: "a line of text, as mails have them" } };
  const statuses: Record<string, number> = {};
  const times: number[] = [];
  const startMs = performance.now();
  let endMs = startMs;
  const options = {
    url: `${url}/jobs`,
    method: "POST" as const,
    connections,
    amount: requests,
    timeout: 30,
    headers: { "content-type": "application/json", authorization: `Bearer ${loadToken}` },
    body: JSON.stringify(jobs === 1 ? job : Array(jobs).fill(job)),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const cannon = autocannon(options, (error, found) => (error ? reject(error) : resolve(found)));
    cannon.on("response", (_client, status, _bytes, milliseconds) => {
      statuses[status] = (statuses[status] ?? 0) + 1;
      times.push(milliseconds);
      // autocannon itself looks up only now and then whether all is done.
      endMs = performance.now();
    });
  });
  times.sort((left, right) => left - right);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? Number.NaN;
  return { statuses, lost: result.errors, seconds: (endMs - startMs) / 1000, p50: at(0.5), p99: at(0.99) };
}
