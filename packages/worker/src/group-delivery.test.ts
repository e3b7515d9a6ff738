import { handle } from "@tendril/core/handler";
import { type Commit, defineJob } from "@tendril/core/job";
import { parseJobId } from "@tendril/core/job-id";
import type { WireJob } from "@tendril/core/message";
import { expect, test } from "vitest";
import { z } from "zod";
import { goesInGroup } from "./group-delivery.ts";
import type { Runnable } from "./invocation.ts";
import { sqsRecord } from "./sqs-record.fixture.ts";

interface Case {
  readonly commit?: Commit;
  readonly receipts?: number;
  readonly groupId?: string;
  readonly job?: Partial<WireJob>;
}

function runnableOf({ commit = "grouped", receipts = 1, groupId, job = {} }: Case): Runnable {
  const record = sqsRecord(groupId === undefined ? {} : { groupId });
  record.attributes.ApproximateReceiveCount = String(receipts);
  const handler = handle(defineJob({ type: "Note", input: z.string(), commit }), async () => {});
  const id = parseJobId("00000000-0000-7000-8000-000000000000");
  return { record, job: { id, type: "Note", input: "", ...job }, handler, input: "" };
}

const schedule = { name: "nightly", scheduledAt: new Date(0) };

test.each<[string, boolean, Case]>([
  ["at its message's first receipt", true, {}],
  ["as a run of a schedule", true, { job: { schedule } }],
  ["not when it is committed alone", false, { commit: "alone" }],
  ["not when it comes again: it may be done, or have crashed", false, { receipts: 2 }],
  ["not on a FIFO queue, whose order would suffer", false, { groupId: "a" }],
  ["not when its run may have to be skipped", false, { job: { schedule, overlap: "skip" } }],
])("a job is run before its claim %s", (_, expected, given) => {
  expect(goesInGroup(runnableOf(given))).toBe(expected);
});
