import type { Sender } from "@tendril/client/sender";
import { TendrilError } from "@tendril/core/errors";
import { followUpJobId, type JobId, newJobId } from "@tendril/core/job-id";
import type { OutgoingMessage } from "@tendril/core/message";
import { afterEach, expect, test } from "vitest";
import { openDeadline } from "./deadline.ts";
import { openOutbox } from "./outbox.ts";
import { sqsRecord } from "./sqs-record.fixture.ts";

const parent = newJobId(0, new Uint8Array(16));
const deadline = openDeadline(60_000, Date.now);
afterEach(() => deadline.clear());

const messageOf = (position: number): OutgoingMessage => ({
  id: followUpJobId(parent, position),
  queue: "jobs",
  body: "{}",
  attributes: {},
});
const messages = (from: number, to: number): OutgoingMessage[] =>
  Array.from({ length: to - from }, (_, index) => messageOf(from + index));

/** A sender that says which messages it is given together, and takes all but the refused ones when it is told to go on. */
function openGate(refused: (message: OutgoingMessage) => boolean = () => false) {
  const turns: (readonly OutgoingMessage[])[] = [];
  let goOn = (): void => {};
  const sender: Sender = {
    async send(given) {
      turns.push(given);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const error = new TendrilError("aws_call_failed", { given: "no", allowed: "yes" });
      return new Map(given.filter(refused).map((message) => [message, error]));
    },
  };
  return { sender, turns, goOn: () => goOn() };
}

/** A ledger that keeps what it is told to clear; the outbox needs no more of it. */
function clearingLedger(clearFollowUps: (ids: readonly JobId[]) => Promise<void>) {
  const never = (): never => {
    throw new Error("not called here");
  };
  const ledger = {
    claim: never,
    markStart: never,
    write: never,
    commitGroup: never,
    finish: never,
    recordFailure: never,
    purge: never,
  };
  return { ...ledger, followUpsOf: never, transactionState: never, clearFollowUps };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("what comes while a send is under way goes together in the next one, in the order of its coming", async () => {
  const { sender, turns, goOn } = openGate();
  const outbox = openOutbox({ sender, ledger: clearingLedger(async () => {}), deadline });
  const sends = [outbox.send(messages(0, 2))];
  await nextTurn();
  sends.push(outbox.send(messages(2, 3)), outbox.send(messages(3, 5)));
  await nextTurn();
  expect(turns).toEqual([messages(0, 2)]);
  goOn();
  await nextTurn();
  expect(turns).toEqual([messages(0, 2), messages(2, 5)]);
  goOn();
  await Promise.all(sends);
});

test("those whose messages were taken are not told of others' failures", async () => {
  const refusedId = followUpJobId(parent, 1);
  const { sender, goOn } = openGate(({ id }) => id === refusedId);
  const outbox = openOutbox({ sender, ledger: clearingLedger(async () => {}), deadline });
  const ends = Promise.allSettled([outbox.send(messages(0, 1)), outbox.send(messages(1, 3))]);
  await nextTurn();
  goOn();
  const [good, bad] = await ends;
  expect(good?.status).toBe("fulfilled");
  expect(bad).toMatchObject({ status: "rejected", reason: { name: "FollowUpsUnsent" } });
  expect(String(bad?.status === "rejected" && bad.reason)).toContain("1 of 2 follow-ups could not be sent");
});

test("exactly what was sent is cleared, once, with one call for all jobs", async () => {
  const cleared: (readonly JobId[])[] = [];
  const refusedId = followUpJobId(parent, 1);
  const { sender, goOn } = openGate(({ id }) => id === refusedId);
  const ledger = clearingLedger(async (ids) => void cleared.push(ids));
  const outbox = openOutbox({ sender, ledger, deadline });
  const sending = Promise.allSettled([
    outbox.sendCommitted(sqsRecord(), messages(0, 2)),
    outbox.sendCommitted(sqsRecord(), messages(2, 3)),
  ]);
  await nextTurn();
  goOn();
  await sending;
  expect(await outbox.clear()).toEqual({ records: new Set() });
  expect(await outbox.clear()).toEqual({ records: new Set() });
  expect(cleared).toEqual([[followUpJobId(parent, 0), followUpJobId(parent, 2)]]);
});

test("when the clearing fails, it says which records that concerns", async () => {
  const { sender, goOn } = openGate();
  const ledger = clearingLedger(() => Promise.reject(new Error("away")));
  const outbox = openOutbox({ sender, ledger, deadline });
  const record = sqsRecord();
  const sending = outbox.sendCommitted(record, messages(0, 2));
  await nextTurn();
  goOn();
  await sending;
  expect(await outbox.clear()).toMatchObject({ records: new Set([record]), error: { message: "away" } });
});

test("a job without follow-ups costs no call", async () => {
  const { sender, turns } = openGate();
  const ledger = clearingLedger(() => Promise.reject(new Error("a call")));
  const outbox = openOutbox({ sender, ledger, deadline });
  await outbox.sendCommitted(sqsRecord(), []);
  expect(await outbox.clear()).toEqual({ records: new Set() });
  expect(turns).toEqual([]);
});
