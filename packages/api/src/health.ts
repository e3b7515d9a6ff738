import { TendrilError } from "@tendril/core/errors";
import { Hono } from "hono";
import { type ApiEnv, checkScope } from "./access.ts";
import { budgetOf, rejectOnAbort } from "./budget.ts";
import type { Door } from "./door.ts";
import { readFlag, readQuery } from "./job-query.ts";

/** Something that the API needs, which can be asked. */
export interface Probe {
  /** Such as `queue jobs` or `database`. */
  readonly name: string;
  /** What it asks, in a few words, such as `GetQueueAttributes`. */
  readonly asks: string;
  /** Resolves when it answers, with a few words more about it, if there are any; rejects when it does not. */
  ask(signal: AbortSignal): Promise<string | undefined>;
}

/** What was found of one of them. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "failed";
  /** What was asked, and what came of it. */
  readonly says: string;
}

/** The check that needs no probe. */
const functionCheck: Check = { name: "function", status: "ok", says: "it answers; nothing else was asked" };

/** `GET /health`, which is for everybody, and `GET /health?deep=true`, which asks what the API needs. */
export function healthRoutes(probes: readonly Probe[], door: Door): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  routes.get("/health", async (context) => {
    if (!readFlag("deep", readQuery(context.req.url, ["deep"]).deep)) {
      door.admit(context);
      return context.json({ status: "ok", checks: [functionCheck] });
    }
    door.identify(context);
    checkScope(context.var.caller, "read");
    const { signal } = budgetOf(context, longestProbeMs);
    const checks = [functionCheck, ...(await runProbes(probes, signal))];
    const failed = checks.some(({ status }) => status === "failed");
    return context.json({ status: failed ? "failed" : "ok", checks }, failed ? 503 : 200);
  });
  return routes;
}

/** How long what is asked may take to answer, in milliseconds: a database that sleeps wakes in about 15 seconds. */
const longestProbeMs = 20_000;

/** Asks all of them at once; one that does not answer before the signal aborts has failed. Never rejects. */
async function runProbes(probes: readonly Probe[], signal: AbortSignal): Promise<Check[]> {
  return Promise.all(
    probes.map(async ({ name, asks, ask }): Promise<Check> => {
      try {
        const more = await Promise.race([ask(signal), rejectOnAbort(signal)]);
        return { name, status: "ok", says: `${asks}: it answers${more === undefined ? "" : `; ${more}`}` };
      } catch (error) {
        return { name, status: "failed", says: `${asks}: ${wordFailure(error, signal)}` };
      }
    }),
  );
}

/** Names alone: the text of a foreign error may say more than a caller is to know. */
function wordFailure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "no answer in time";
  if (error instanceof TendrilError) return error.code;
  return error instanceof Error ? error.name : "failed";
}
