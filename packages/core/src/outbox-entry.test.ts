import { expect, test } from "vitest";
import { parseJobId } from "./job-id.ts";
import { outboxEntryJson } from "./outbox-entry.ts";

const id = parseJobId("01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77");
const message = { id, queue: "jobs", body: "{}", attributes: { "tendril.job_id": id } };
const read = (json: string): unknown => JSON.parse(json);

test("an entry has what the ledger reads of a message, with its body as it is encoded", () => {
  expect(read(outboxEntryJson(message, 3, (text) => `<${text}>`))).toEqual({ ...message, position: 3, body: "<{}>" });
});

test("an entry that waits, or has a group, says so by the names that the ledger has for it", () => {
  const later = { ...message, notBeforeMs: 1_700_000_000_123, group: "g" };
  expect(read(outboxEntryJson(later, 0, (text) => text))).toEqual({
    ...message,
    position: 0,
    not_before: "2023-11-14T22:13:20.123Z",
    message_group: "g",
  });
});
