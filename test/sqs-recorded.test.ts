/** The local SQS, held against recordings of what AWS answered. They are a third party's, and lie beside the project. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { batches } from "./support/sqs-recorded/batches.ts";
import { fifo } from "./support/sqs-recorded/fifo.ts";
import { withPlaceholders } from "./support/sqs-recorded/match-recording.ts";
import { permissions, queues } from "./support/sqs-recorded/queues.ts";
import { receiving } from "./support/sqs-recorded/receiving.ts";
import { sending } from "./support/sqs-recorded/sending.ts";
import { play } from "./support/sqs-recorded/stage.ts";

const file = join(import.meta.dirname, "../../shared/truth/sqs.recorded.json");
const absent = !existsSync(file);
const why = absent ? " (SKIPPED: the recordings, ../shared/truth/sqs.recorded.json, are absent)" : "";
if (absent) console.warn(`The local SQS is NOT held against AWS's answers:${why}`);

const scenarios = { ...sending, ...batches, ...receiving, ...fifo, ...queues, ...permissions };

/** What is left out, and why. */
const left: Readonly<Record<string, string>> = {
  "test_fifo_delete_message_with_expired_receipt_handle[sqs]": "AWS's answers were not recorded",
  test_invalid_dead_letter_arn_rejected_before_lookup: "AWS's answers were not recorded",
};
const leftLabels: Readonly<Record<string, readonly string[]>> = {
  test_non_existent_queue: ["queue-does-not-exist-query"], // asked in the query protocol, which is not spoken here
};

interface Recording {
  readonly "recorded-content": Readonly<Record<string, unknown>>;
}

/** AWS's answers of each scenario, by label, without what only boto3 adds. */
function readRecordings(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const all = JSON.parse(readFileSync(file, "utf8")) as Record<string, Recording>;
  return new Map(
    Object.entries(all).map(([path, recording]) => {
      const labels = Object.entries(recording["recorded-content"]);
      const name = path.replace(/^.*::/, "");
      return [name, Object.fromEntries(labels.map(([label, answer]) => [label, withoutMessage(answer)]))];
    }),
  );
}

/** An error's message stands twice in some recordings. */
function withoutMessage(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null || !("Error" in answer) || !("message" in answer)) return answer;
  const { message: _, ...rest } = answer;
  return rest;
}

describe("placeholders", () => {
  const [one, two] = ["0b7c7a0e-93a1-4c5e-8f0e-1d2a3b4c5d6e", "1b7c7a0e-93a1-4c5e-8f0e-1d2a3b4c5d6e"];

  test.each<[string, unknown, unknown, unknown]>([
    ["the same value in the places of one", [one, one], ["<uuid:1>", "<uuid:1>"], ["<uuid:1>", "<uuid:1>"]],
    ["not another value", [one, two], ["<uuid:1>", "<uuid:1>"], ["<uuid:1>", two]],
    ["not the same value in the places of two", [one, one], ["<uuid:1>", "<uuid:2>"], ["<uuid:1>", one]],
    ["not a value of another kind", ["one", 1], ["<uuid:1>", "<uuid:2>"], ["one", 1]],
    ["not what the recording does not have", [one, { a: two }], ["<uuid:1>"], ["<uuid:1>", { a: two }]],
  ])("stand for %s", (_, answer, recorded, written) => {
    expect(withPlaceholders(answer, recorded)).toStrictEqual(written);
  });
});

describe(`SQS answers as AWS did${why}`, () => {
  const recordings = absent ? new Map<string, Record<string, unknown>>() : readRecordings();
  for (const [name, steps] of Object.entries(scenarios)) {
    test.skipIf(absent)(name, async () => {
      const recorded = { ...recordings.get(name) };
      expect(recordings.has(name)).toBe(true);
      for (const label of leftLabels[name] ?? []) delete recorded[label];
      expect(withPlaceholders(await play(steps), recorded)).toStrictEqual(recorded);
    });
  }

  test.skipIf(absent)(
    "in every scenario that was recorded over JSON, but for those that are left with a reason",
    () => {
      const spoken = [...recordings.keys()].filter((name) => !name.includes("[sqs_query"));
      expect([...Object.keys(scenarios), ...Object.keys(left)].sort()).toEqual(spoken.sort());
    },
  );
});
