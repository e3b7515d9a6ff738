import { expect, test } from "vitest";
import { measureAws } from "./support/bench/aws/measure.ts";
import { exceeded, unpaired } from "./support/bench/bench.ts";

const contestants = ["null server", "tendril aws", "fauxqs 2.4.1, on disk"];
const layers = ["pg, directly", "the Data API over raw HTTP", "the Data API through the SDK"];
const measures = [
  ["send", 1],
  ["receive and delete", 1],
  ["send", 8],
  ["receive and delete", 8],
] as const;

test("the benchmark of the local AWS fills every row, and each server gives every message exactly once", async () => {
  const options = { messages: 60, rounds: 2, statements: 5, idleSeconds: 1 };
  const { rows, found } = await measureAws({ ...options, progress: () => {} });

  expect(found.sqs.map(({ contestant, action, concurrency }) => [contestant, action, concurrency])).toEqual(
    contestants.flatMap((name) => measures.map((measure) => [name, ...measure])),
  );
  for (const { messagesPerSecond, missing, surplus } of found.sqs) {
    expect(messagesPerSecond).toHaveLength(2);
    expect({ missing, surplus }).toEqual({ missing: 0, surplus: 0 });
  }
  const ending = (name: string, start: string) =>
    rows.filter(({ figure, value }) => figure.startsWith(start) && figure.endsWith(`: ${name}`) && value > 0);
  for (const name of contestants) {
    for (const [action, concurrency] of measures)
      expect(ending(name, `SQS: ${action}, ${concurrency} at a time`)).toHaveLength(1);
  }
  for (const layer of layers) expect(ending(layer, "Data API: ")).toHaveLength(6);
  expect(unpaired(rows)).toEqual([]);
  expect(exceeded(rows)).toEqual([]);
}, 120_000);
