/**
 * The built-in job `tendril.relay`: sends what a transaction of an application left in the outbox, once the transaction has
 * committed. The protocol stands in `@tendril/client/outbox`.
 */
import { randomBytes } from "node:crypto";
import { relayJobType } from "@tendril/core/built-in";
import { kindOf, TendrilError } from "@tendril/core/errors";
import { type JobId, newJobId, parseJobId } from "@tendril/core/job-id";
import { writeMessage } from "@tendril/core/message";
import type { Settlement } from "./batch.ts";
import { isFifo } from "./batch.ts";
import type { BuiltInRecord } from "./built-in.ts";
import { bury, defaultPolicy, type FailedDelivery, settleObstacle } from "./failure.ts";
import { type Delivery, type Invocation, receiptsOf } from "./invocation.ts";

/** The pauses while the transaction is in progress, in milliseconds: they double. */
const shortestPauseMs = 5_000;
const longestPauseMs = 60_000;

/**
 * A relay message that has only so many receipts left is sent anew, so that a long transaction (24 hours at most) does not
 * use them up; what is left over is for crashes.
 */
const spareReceipts = 2;

/** Delivers a relay message. It is let go of when nothing is left to send, or when a new one has taken its place. */
export async function deliverRelay(given: BuiltInRecord, invocation: Invocation): Promise<Delivery> {
  const { record, job } = given;
  const startedAtMs = invocation.now();
  const ended = (settlement: Settlement, more: Partial<Delivery> = {}): Delivery => ({
    job,
    ms: invocation.now() - startedAtMs,
    settlement,
    ...more,
  });
  const failed = (thrown: unknown): FailedDelivery => ({
    ...{ record, job, policy: defaultPolicy, attempt: 0, thrown, inLedger: "never" },
    ms: invocation.now() - startedAtMs,
  });
  let relay: Relay;
  try {
    relay = readRelay(job.input);
  } catch (thrown) {
    return ended(await bury(failed(thrown), invocation), { thrown });
  }
  try {
    const { ledger, outbox, deadline } = invocation;
    if ((await ledger.transactionState(relay.xid, deadline.signal)) === "in progress") {
      const settlement = await askAgain(given, relay, invocation);
      return ended(settlement, settlement.kind === "done" ? { facts: { round: relay.round } } : {});
    }
    // Of one that was rolled back there is nothing; of one that Postgres has forgotten there is what it committed.
    const followUps = await outbox.flush(record, relay.parent);
    return ended({ kind: "done", attempt: receiptsOf(record) }, { followUps });
  } catch (thrown) {
    return ended(await settleObstacle(failed(thrown), invocation), { thrown });
  }
}

/** What a relay message says. */
interface Relay {
  /** Under which the transaction's jobs stand in the outbox. */
  readonly parent: JobId;
  /** Postgres' id of the transaction. */
  readonly xid: string;
  /** How many relay messages of the transaction there were before this one. */
  readonly round: number;
}

function readRelay(input: unknown): Relay {
  const { parent, xid, round = 0 }: Record<string, unknown> = typeof input === "object" ? { ...input } : {};
  if (typeof parent === "string" && typeof xid === "string" && /^\d{1,20}$/.test(xid) && typeof round === "number") {
    return { parent: parseJobId(parent, "data.parent"), xid, round };
  }
  throw new TendrilError("input_invalid", {
    where: "data",
    given: kindOf(input),
    allowed: "{ parent: a UUID, xid: the id of a transaction }",
  });
}

/** The message comes back later; before its receipts are used up another one takes its place. */
async function askAgain(
  { record }: BuiltInRecord,
  relay: Relay,
  { maxReceiveCount, outbox, queue, now }: Invocation,
): Promise<Settlement> {
  const receipts = receiptsOf(record);
  const delayMs = relay.round > 0 ? longestPauseMs : Math.min(longestPauseMs, shortestPauseMs * 2 ** (receipts - 1));
  if (receipts < maxReceiveCount - spareReceipts) {
    return { kind: "retry", attempt: 0, delayMs, error: "the transaction is in progress" };
  }
  const { parent, xid, round } = relay;
  const id = newJobId(now(), randomBytes(16));
  const message = writeMessage({ id, type: relayJobType, input: { parent, xid, round: round + 1 } });
  const wait = isFifo([record]) ? { group: parent } : { notBeforeMs: now() + delayMs };
  await outbox.send([{ id, queue, ...message, ...wait }]);
  return { kind: "done", attempt: receipts };
}
