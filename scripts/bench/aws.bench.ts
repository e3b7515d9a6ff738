import { measureAws } from "../../test/support/bench/aws/measure.ts";
import type { Bench } from "../../test/support/bench/bench.ts";

/** `tendril aws` through the SDK's clients. */
export const bench: Bench = {
  name: "aws",
  compares: "the local SQS and Data API beside a server of constants, fauxqs, and pg on the same PostgreSQL",
  run: ({ progress }) => measureAws({ messages: 1000, rounds: 15, statements: 100, idleSeconds: 5, progress }),
};
