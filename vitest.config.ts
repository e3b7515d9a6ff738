import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of half a minute: one that is begun last would be waited for alone. */
const long = /\/test\/(dev|dev-refusals|stacks-stages|faults|readme|durability)\.test\.ts$/;

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [true, false].flatMap((isLong) => sorted.filter(({ moduleId }) => long.test(moduleId) === isLong));
  }
}

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3, // many tests wait for processes: on two cores three at once are done sooner
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "tendril-compile-cache") }, // for the commands that tests start
    sequence: { sequencer: LongFilesFirst },
    isolate: false, // a worker takes one file after the other, and loads the SDK once: a file leaves nothing behind
  },
});
