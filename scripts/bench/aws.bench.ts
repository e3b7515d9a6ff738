import { join } from "node:path";
import type { Bench } from "../../test/support/bench/bench.ts";
import { runScript } from "./script.ts";

/** `tendril aws` through the SDK's clients. */
export const bench: Bench = {
  name: "aws",
  compares: "the local SQS and Data API beside a server of constants, fauxqs, and pg on the same PostgreSQL",
  run: async () => ({ rows: [], found: await runScript(join(import.meta.dirname, "../bench-aws.ts")) }),
};
