import { join } from "node:path";
import type { Bench } from "../../test/support/bench/bench.ts";
import { runScript } from "./script.ts";

/** What exactly-once costs. */
export const bench: Bench = {
  name: "exactly-once",
  compares: "exactly-once beside at-least-once and Powertools' idempotency utility: calls, time, and what faults leave",
  run: async () => ({ rows: [], found: await runScript(join(import.meta.dirname, "../bench-exactly-once.ts")) }),
};
