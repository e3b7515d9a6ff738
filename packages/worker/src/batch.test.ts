import type { SQSRecord } from "aws-lambda";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asksForRedelivery, processBatch, responseTo, type Settled, type Settlement } from "./batch.ts";
import { suspect } from "./invocation.ts";
import { sqsRecord } from "./sqs-record.fixture.ts";

const settlement: fc.Arbitrary<Settlement> = fc.constantFrom<Settlement>(
  { kind: "done", attempt: 1 },
  { kind: "retry", attempt: 1, delayMs: 2000, error: "Error: once more" },
  // Done, but its follow-ups are not sent; cut short; claimed by another delivery: no attempt.
  {
    kind: "retry",
    attempt: 0,
    delayMs: 2000,
    error: "Error: the job is done, but 1 of 1 follow-ups could not be sent",
  },
  { kind: "dead", attempt: 5, error: "Error: no more" },
  { kind: "dead", attempt: 0, error: "TendrilError: receipts exhausted" },
  { kind: "duplicate" },
  { kind: "skipped", reason: "another run is running" },
  { kind: "returned", reason: "no time" },
);

/** How a record's delivery goes: whether it has to run alone, what comes of it, or what its delivery throws. */
const course = fc.record({
  isSuspect: fc.boolean(),
  end: fc.oneof(
    { weight: 9, arbitrary: settlement },
    { weight: 1, arbitrary: fc.constantFrom({ thrown: undefined }, { thrown: new Error("broken") }) },
  ),
});

type Course = typeof course extends fc.Arbitrary<infer Value> ? Value : never;
type Planned = Course & { readonly record: SQSRecord };

const settlementOf = ({ end }: Course): Settlement =>
  "thrown" in end ? { kind: "returned", reason: "whatever was thrown" } : end;

interface Run {
  readonly reported: string[];
  readonly settled: readonly Settled[];
  /** Records whose job was run, in that order. */
  readonly ran: SQSRecord[];
  /** For each suspect that was run: which records were settled early before, and how many others ran beside it. */
  readonly alone: { readonly record: SQSRecord; readonly early: SQSRecord[]; readonly beside: number }[];
}

const idsOf = (records: readonly SQSRecord[]): string[] => records.map((record) => record.messageId).sort();

/** Runs a batch in which each record goes the course that is planned for it. */
async function run(planned: readonly Planned[], jobsAtOnce = 3): Promise<Run> {
  const ran: SQSRecord[] = [];
  const alone: Run["alone"] = [];
  let early: SQSRecord[] = [];
  let running = 0;
  const courses = new Map(planned.map((each) => [each.record, each]));
  const settled = await processBatch(
    { Records: planned.map(({ record }) => record) },
    {
      jobsAtOnce,
      async settleEarly(soFar) {
        early = soFar.map((each) => each.record);
      },
      async deliver(record, isAlone) {
        const { isSuspect = false, end = { kind: "duplicate" as const } } = courses.get(record) ?? {};
        if (isSuspect && !isAlone) return suspect;
        ran.push(record);
        if (isSuspect) alone.push({ record, early, beside: running });
        running += 1;
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if ("thrown" in end) throw end.thrown;
        return { settlement: end };
      },
    },
  );
  const reported = responseTo(settled).batchItemFailures.map((failure) => failure.itemIdentifier);
  return { reported: reported.sort(), settled, ran, alone };
}

describe("reported failures are exactly the records that ask for redelivery", () => {
  const standard = fc
    .array(course, { maxLength: 12 })
    .map((courses) => courses.map((each): Planned => ({ ...each, record: sqsRecord() })));

  test("for any mix of a standard queue, all failed and none failed among them", async () => {
    await fc.assert(
      fc.asyncProperty(standard, async (planned) => {
        const { reported, settled, ran } = await run(planned);
        const asking = planned.filter((each) => asksForRedelivery(settlementOf(each)));
        expect(reported).toEqual(idsOf(asking.map((each) => each.record)));
        expect(settled.map((each) => each.record)).toEqual(planned.map((each) => each.record));
        expect(settled.map((each) => each.settlement.kind)).toEqual(planned.map((each) => settlementOf(each).kind));
        expect(idsOf(ran)).toEqual(idsOf(planned.map((each) => each.record)));
      }),
    );
  });

  test("for any mix of a FIFO queue, with every later record of a group that asked", async () => {
    const fifo = fc
      .array(fc.record({ course, groupId: fc.constantFrom("a", "b", "c") }), { minLength: 1, maxLength: 10 })
      .map((all) => all.map((each): Planned => ({ ...each.course, record: sqsRecord({ groupId: each.groupId }) })));
    await fc.assert(
      fc.asyncProperty(fifo, async (planned) => {
        const { reported, ran } = await run(planned);
        const stopped = new Set<string | undefined>();
        const asking = planned.filter((each) => {
          const groupId = each.record.attributes.MessageGroupId;
          const goesBack = stopped.has(groupId) || asksForRedelivery(settlementOf(each));
          if (goesBack) stopped.add(groupId);
          return goesBack;
        });
        expect(reported).toEqual(idsOf(asking.map((each) => each.record)));
        for (const groupId of ["a", "b", "c"]) {
          const inGroup = (record: SQSRecord): boolean => record.attributes.MessageGroupId === groupId;
          const first = planned.filter(({ record }) => inGroup(record)).map(({ record }) => record);
          const ranOfGroup = ran.filter(inGroup);
          expect(ranOfGroup).toEqual(first.slice(0, ranOfGroup.length));
        }
      }),
    );
  });

  test("suspects of a standard queue run alone, after SQS was told of every other record", async () => {
    await fc.assert(
      fc.asyncProperty(standard, async (planned) => {
        const { alone } = await run(planned);
        const suspects = planned.filter((each) => each.isSuspect).map((each) => each.record);
        expect(idsOf(alone.map((each) => each.record))).toEqual(idsOf(suspects));
        // A batch of one is alone as it is, and there is nobody to tell of.
        const before = planned.map((each) => each.record).filter((record) => !suspects.includes(record));
        for (const [index, { early, beside }] of alone.entries()) {
          const suspectsBefore = alone.slice(0, index).map((each) => each.record);
          expect(beside).toBe(0);
          expect(idsOf(early)).toEqual(idsOf([...before, ...suspectsBefore]));
        }
      }),
    );
  });
});

/** `processBatch` where nothing is a suspect. */
const processPlain = (
  Records: SQSRecord[],
  jobsAtOnce: number,
  settle: (record: SQSRecord) => Promise<Settlement>,
): Promise<readonly Settled[]> => {
  const deliver = async (record: SQSRecord) => ({ settlement: await settle(record) });
  return processBatch({ Records }, { jobsAtOnce, deliver, settleEarly: async () => {} });
};

test.each([
  ["undefined", undefined],
  ["null", null],
  ["a text", "a text"],
  ["an error", new Error("broken")],
])("whatever a delivery throws (%s) returns its record and no other", async (_, thrown) => {
  const [good, bad] = [sqsRecord(), sqsRecord()];
  const settled = await processPlain([bad, good], 1, async (record) => {
    if (record === bad) throw thrown;
    return { kind: "done", attempt: 1 };
  });
  expect(responseTo(settled)).toEqual({ batchItemFailures: [{ itemIdentifier: bad.messageId }] });
  expect(settled.map((each) => each.settlement.kind)).toEqual(["returned", "done"]);
});

test("SQS that cannot be told of the others keeps no suspect from being run", async () => {
  const [poison, good] = [sqsRecord(), sqsRecord()];
  const settled = await processBatch(
    { Records: [poison, good] },
    {
      jobsAtOnce: 10,
      deliver: async (record, alone) =>
        record === poison && !alone ? suspect : { settlement: { kind: "done", attempt: 3 } },
      settleEarly: () => Promise.reject(new Error("SQS is away")),
    },
  );
  expect(settled.map((each) => each.settlement.kind)).toEqual(["done", "done"]);
});

test("no more jobs run at once than are allowed", async () => {
  let running = 0;
  let most = 0;
  const records = Array.from({ length: 10 }, () => sqsRecord());
  await processPlain(records, 4, async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return { kind: "duplicate" };
  });
  expect(most).toBe(4);
});

test("batches at the same time do not mix their failures", async () => {
  const batches = Array.from({ length: 5 }, () => [sqsRecord(), sqsRecord()]);
  const settled = await Promise.all(
    batches.map((records) =>
      processPlain(records, 2, async (record) => {
        await new Promise((resolve) => setImmediate(resolve));
        return record === records[0] ? { kind: "returned", reason: "no time" } : { kind: "duplicate" };
      }),
    ),
  );
  for (const [index, each] of settled.entries()) {
    expect(responseTo(each).batchItemFailures).toEqual([{ itemIdentifier: batches[index]?.[0]?.messageId }]);
  }
});
