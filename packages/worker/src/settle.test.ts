import { expect, test } from "vitest";
import type { Settlement } from "./batch.ts";
import { longestDelaySeconds, visibilityEntries } from "./settle.ts";
import { sqsRecord } from "./sqs-record.fixture.ts";

const retry = (delayMs: number): Settlement => ({ kind: "retry", attempt: 1, delayMs, error: "Error" });
const returned: Settlement = { kind: "returned", reason: "no time" };

const timeouts = (settlements: readonly { settlement: Settlement; groupId?: string }[]) =>
  visibilityEntries(
    settlements.map(({ settlement, groupId }) => ({
      record: sqsRecord(groupId === undefined ? {} : { groupId }),
      settlement,
    })),
  ).map(({ Id, VisibilityTimeout }) => [Id, VisibilityTimeout]);

test("a retry waits its delay in whole seconds, never less; what is settled is not touched", () => {
  const done: Settlement = { kind: "done", attempt: 1 };
  const dead: Settlement = { kind: "dead", attempt: 5, error: "Error" };
  const settlements = [retry(2000), done, retry(2001), dead, { kind: "duplicate" as const }, retry(0)];
  expect(timeouts(settlements.map((settlement) => ({ settlement })))).toEqual([
    ["0", 2],
    ["2", 3],
    ["5", 0],
  ]);
});

test("no message is hidden for more than 12 hours after its receipt, which may be 20 minutes ago", () => {
  expect(timeouts([{ settlement: retry(12 * 3_600_000) }])).toEqual([["0", longestDelaySeconds]]);
  expect(longestDelaySeconds).toBe(12 * 3600 - 1200);
});

test("a record that was returned comes back at once", () => {
  expect(timeouts([{ settlement: returned }])).toEqual([["0", 0]]);
});

test("a FIFO group comes back as a whole, when its retry is due", () => {
  const settlements = [
    { settlement: retry(30_000), groupId: "a" },
    { settlement: returned, groupId: "b" },
    { settlement: returned, groupId: "a" },
  ];
  expect(timeouts(settlements)).toEqual([
    ["0", 30],
    ["1", 0],
    ["2", 30],
  ]);
});

test("each entry names its own message", () => {
  const records = [sqsRecord(), sqsRecord()];
  const entries = visibilityEntries(records.map((record) => ({ record, settlement: returned })));
  expect(entries.map((entry) => entry.ReceiptHandle)).toEqual(records.map((record) => record.receiptHandle));
});
