import type { Sender } from "@tendril/client/sender";
import { errorText, type TendrilError } from "@tendril/core/errors";
import type { JobId } from "@tendril/core/job-id";
import type { OutgoingMessage } from "@tendril/core/message";
import type { Ledger } from "@tendril/ledger/ledger";
import type { SQSRecord } from "aws-lambda";
import { type Deadline, settleMs } from "./deadline.ts";

/** The follow-ups of one batch's jobs, on their way to SQS. */
export interface Outbox {
  /** Sends follow-ups. Rejects with a `FollowUpsUnsent` when SQS has not taken all of them; then some may be sent. */
  send(messages: readonly OutgoingMessage[]): Promise<void>;
  /** As `send`, for follow-ups that the ledger holds: those that SQS has taken are to be cleared. */
  sendCommitted(record: SQSRecord, messages: readonly OutgoingMessage[]): Promise<void>;
  /** Sends what the ledger still holds of a job that was committed before, and resolves to how many that were. */
  flush(record: SQSRecord, jobId: JobId): Promise<number>;
  /**
   * Clears in the ledger what was sent since the last call, with one call for all jobs. Resolves to the records whose
   * follow-ups could not be cleared: they have to come back, since only a delivery of its message clears a job's outbox.
   */
  clear(): Promise<{ readonly records: ReadonlySet<SQSRecord>; readonly error?: unknown }>;
}

/** Follow-ups that SQS has not taken. */
export class FollowUpsUnsent extends Error {
  override readonly name = "FollowUpsUnsent";
}

/** Sending and reading end this long before Lambda's deadline, in milliseconds, so that the batch can still be settled. */
const reserveMs = 3_000;
/** How long the clearing is waited for, in milliseconds. */
const longestClearMs = 1_500;

/** The outbox of one invocation. */
export function openOutbox({
  sender,
  ledger,
  deadline,
}: {
  readonly sender: Sender;
  readonly ledger: Ledger;
  readonly deadline: Deadline;
}): Outbox {
  const sendTogether = gatherSends(sender);
  const sendingSignal = (): AbortSignal => deadline.within(deadline.remainingMs() + settleMs - reserveMs);
  let sent: { readonly record: SQSRecord; readonly id: JobId }[] = [];
  const sendCommitted = async (record: SQSRecord, messages: readonly OutgoingMessage[]): Promise<void> => {
    if (messages.length === 0) return;
    const errors = await sendTogether(messages, sendingSignal());
    sent = sent.concat(messages.filter((message) => !errors.has(message)).map(({ id }) => ({ record, id })));
    throwUnsent(messages, errors);
  };
  return {
    sendCommitted,
    async send(messages) {
      if (messages.length === 0) return;
      throwUnsent(messages, await sendTogether(messages, sendingSignal()));
    },
    async flush(record, jobId) {
      let count = 0;
      for await (const page of ledger.followUpsOf(jobId, sendingSignal())) {
        await sendCommitted(record, page);
        count += page.length;
      }
      return count;
    },
    async clear() {
      const clearing = sent;
      sent = [];
      if (clearing.length === 0) return { records: new Set() };
      try {
        const ids = clearing.map(({ id }) => id);
        await ledger.clearFollowUps(ids, deadline.within(longestClearMs));
        return { records: new Set() };
      } catch (error) {
        return { records: new Set(clearing.map(({ record }) => record)), error };
      }
    },
  };
}

type Errors = ReadonlyMap<OutgoingMessage, TendrilError>;

/**
 * Sends in turns: what comes while a turn is under way goes together in the next one, so that jobs that end at about the
 * same time share SQS's batches of ten, and none waits for more than a turn.
 */
function gatherSends(sender: Sender): (messages: readonly OutgoingMessage[], signal: AbortSignal) => Promise<Errors> {
  let waiting: OutgoingMessage[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let nextTurn: Promise<Errors> | undefined;
  return (messages, signal) => {
    waiting = waiting.concat(messages);
    nextTurn ??= turn.then(() => {
      const gathered = waiting;
      waiting = [];
      nextTurn = undefined;
      const sending = sender.send(gathered, signal);
      turn = sending.catch(() => {});
      return sending;
    });
    return nextTurn;
  };
}

function throwUnsent(messages: readonly OutgoingMessage[], errors: Errors): void {
  const unsent = messages.flatMap((message) => errors.get(message) ?? []);
  const [first] = unsent;
  if (first === undefined) return;
  const text = `${unsent.length} of ${messages.length} follow-ups could not be sent: ${errorText(first)}`;
  throw new FollowUpsUnsent(text, { cause: first });
}
