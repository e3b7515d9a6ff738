import type { Bench } from "../../test/support/bench/bench.ts";
import { measureExactlyOnce } from "../../test/support/bench/exactly-once/measure.ts";

/** What exactly-once costs. */
export const bench: Bench = {
  name: "exactly-once",
  compares: "exactly-once beside at-least-once and Powertools' idempotency utility: calls, time, and what faults leave",
  run: ({ progress }) => measureExactlyOnce({ jobs: 50, rounds: 11, callTimesMs: [0, 20], kills: 10, progress }),
};
