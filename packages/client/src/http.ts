/** A client over HTTP, for what is not inside AWS: Node, Bun, Deno and browsers. It reaches no AWS SDK and nothing of Node. */
import { TendrilError } from "@tendril/core/errors";
import { createJobReader, type Look } from "./await-job.ts";
import type { Client, EnqueueResult } from "./client-interface.ts";
import { sendEntries } from "./http-batch.ts";
import { createHttpCall, type HttpCall, type HttpOptions } from "./http-call.ts";
import { type Entry, placeOf, readJobId, writeEntry } from "./http-entry.ts";
import { readJobJson } from "./job-json.ts";
import { machineSleep } from "./sleep.ts";

export type {
  Client,
  EnqueueAllOptions,
  EnqueueOptions,
  EnqueueResult,
  JobOptions,
  ResultOptions,
} from "./client-interface.ts";

/** What `createHttpClient` takes. */
export interface HttpClientOptions extends HttpOptions {}

/** The longest single wait that the API is asked for, in seconds: it grants 25, and API Gateway 30. */
const longestPollSeconds = 20;

/**
 * A client over a tier's HTTP API. A call that failed is made again, at most three times, when it has certainly taken
 * nothing (429, no connection), or when its jobs have a `key`; else a job that may have been taken is refused, saying so.
 * Only a key makes sure that a job is enqueued once: Deno 2.9 and Chromium 156 were seen to repeat a POST by themselves when
 * a connection that they used again ended before the answer.
 */
export function createHttpClient(options: HttpClientOptions): Client {
  const { now = Date.now, sleep = machineSleep } = options;
  const call = createHttpCall(options);
  return {
    async enqueue(spec, input, where = {}) {
      const entry = await writeEntry(spec, input, { ...placeOf(where, now()), ...keyOf(where.key) });
      const repeatable = where.key !== undefined;
      const answer = await call({ method: "POST", path: "/jobs", body: JSON.stringify(entry), repeatable });
      return readJobId(answer);
    },
    async enqueueAll(spec, inputs, { key, ...where } = {}) {
      const place = placeOf(where, now());
      const results: EnqueueResult[] = [];
      const entries = new Map<number, Entry>();
      for (const [index, input] of inputs.entries()) {
        try {
          entries.set(index, await writeEntry(spec, input, { ...place, ...keyOf(key?.(input, index)) }));
        } catch (error) {
          if (!(error instanceof TendrilError)) throw error;
          results[index] = { kind: "refused", error };
        }
      }
      for (const [index, result] of await sendEntries(entries, { ...options, call })) results[index] = result;
      return results;
    },
    ...createJobReader({ look: lookOver(call), now, sleep }),
  };
}

const keyOf = (key: string | undefined): { readonly key?: string } => (key === undefined ? {} : { key });

function lookOver(call: HttpCall): Look {
  return async (id, { waitMs, signal }) => {
    const seconds = Math.min(longestPollSeconds, Math.floor(waitMs / 1000));
    const path = `/jobs/${encodeURIComponent(id)}${seconds > 0 ? `?wait=${seconds}s` : ""}`;
    try {
      return readJobJson(await call({ method: "GET", path, repeatable: true, signal }));
    } catch (error) {
      if (error instanceof TendrilError && error.code === "job_unknown") return undefined;
      throw error;
    }
  };
}
