import type { SQSRecord } from "aws-lambda";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asksForRedelivery, processBatch, type Settlement } from "./batch.ts";
import { sqsRecord } from "./sqs-record.fixture.ts";

const settlement: fc.Arbitrary<Settlement> = fc.constantFrom<Settlement>(
  { kind: "done", attempt: 1 },
  { kind: "retry", attempt: 1, delayMs: 2000, error: "Error: once more" },
  { kind: "dead", attempt: 5, error: "Error: no more" },
  { kind: "duplicate" },
  { kind: "skipped", reason: "another run is running" },
  { kind: "returned", reason: "no time" },
);

interface Run {
  readonly reported: string[];
  readonly expected: string[];
  readonly delivered: SQSRecord[];
}

const idsOf = (records: readonly SQSRecord[]): string[] => records.map((record) => record.messageId).sort();

/** Runs a batch in which each record ends as it is told. */
async function run(planned: readonly { record: SQSRecord; settlement: Settlement }[], jobsAtOnce = 3): Promise<Run> {
  const delivered: SQSRecord[] = [];
  const ends = new Map(planned.map((each) => [each.record, each.settlement]));
  const { response, settlements } = await processBatch(
    { Records: planned.map(({ record }) => record) },
    {
      jobsAtOnce,
      async deliver(record) {
        delivered.push(record);
        return ends.get(record) ?? { kind: "duplicate" };
      },
    },
  );
  const asking = settlements.filter((each) => asksForRedelivery(each.settlement)).map((each) => each.record);
  return {
    reported: response.batchItemFailures.map((failure) => failure.itemIdentifier).sort(),
    expected: idsOf(asking),
    delivered,
  };
}

describe("reported failures are exactly the records that ask for redelivery", () => {
  test("for any mix of a standard queue, all failed and none failed among them", async () => {
    const batch = fc.array(fc.record({ record: fc.constant(null).map(() => sqsRecord()), settlement }), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(batch, async (planned) => {
        const { reported, expected, delivered } = await run(planned);
        const asking = planned.filter((each) => asksForRedelivery(each.settlement)).map((each) => each.record);
        expect(reported).toEqual(idsOf(asking));
        expect(reported).toEqual(expected);
        expect(delivered).toHaveLength(planned.length);
      }),
    );
  });

  test("for any mix of a FIFO queue, with every later record of a group that asked", async () => {
    const group = fc.constantFrom("a", "b", "c");
    const batch = fc.array(fc.record({ record: group.map((groupId) => sqsRecord({ groupId })), settlement }), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(batch, async (planned) => {
        const { reported, expected, delivered } = await run(planned);
        const stopped = new Set<string | undefined>();
        const asking = planned.filter(({ record, settlement: end }) => {
          const groupId = record.attributes.MessageGroupId;
          const goesBack = stopped.has(groupId) || asksForRedelivery(end);
          if (goesBack) stopped.add(groupId);
          return goesBack;
        });
        expect(reported).toEqual(idsOf(asking.map((each) => each.record)));
        expect(reported).toEqual(expected);
        for (const groupId of ["a", "b", "c"]) {
          const inGroup = (record: SQSRecord): boolean => record.attributes.MessageGroupId === groupId;
          const first = planned.filter(({ record }) => inGroup(record)).map(({ record }) => record);
          const ran = delivered.filter(inGroup);
          expect(ran).toEqual(first.slice(0, ran.length));
        }
      }),
    );
  });
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["a text", "a text"],
  ["an error", new Error("broken")],
])("whatever a delivery throws (%s) returns its record and no other", async (_, thrown) => {
  const [good, bad] = [sqsRecord(), sqsRecord()];
  const { response, settlements } = await processBatch(
    { Records: [bad, good] },
    {
      jobsAtOnce: 1,
      async deliver(record) {
        if (record === bad) throw thrown;
        return { kind: "done", attempt: 1 };
      },
    },
  );
  expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: bad.messageId }] });
  expect(settlements.map((each) => each.settlement.kind)).toEqual(["returned", "done"]);
});

test("no more jobs run at once than are allowed", async () => {
  let running = 0;
  let most = 0;
  await processBatch(
    { Records: Array.from({ length: 10 }, () => sqsRecord()) },
    {
      jobsAtOnce: 4,
      async deliver() {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return { kind: "duplicate" };
      },
    },
  );
  expect(most).toBe(4);
});

test("batches at the same time do not mix their failures", async () => {
  const batches = Array.from({ length: 5 }, () => [sqsRecord(), sqsRecord()]);
  const responses = await Promise.all(
    batches.map((Records) =>
      processBatch(
        { Records },
        {
          jobsAtOnce: 2,
          async deliver(record) {
            await new Promise((resolve) => setImmediate(resolve));
            return record === Records[0] ? { kind: "returned", reason: "no time" } : { kind: "duplicate" };
          },
        },
      ),
    ),
  );
  for (const [index, { response }] of responses.entries()) {
    expect(response.batchItemFailures).toEqual([{ itemIdentifier: batches[index]?.[0]?.messageId }]);
  }
});
