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
  /** Whether there is something to clear. */
  readonly hasSent: boolean;
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
  return new InvocationOutbox(sender, ledger, deadline);
}

class InvocationOutbox implements Outbox {
  readonly #ledger: Ledger;
  readonly #deadline: Deadline;
  readonly #turns: SendTurns;
  #sent: { readonly record: SQSRecord; readonly id: JobId }[] = [];

  constructor(sender: Sender, ledger: Ledger, deadline: Deadline) {
    this.#ledger = ledger;
    this.#deadline = deadline;
    this.#turns = new SendTurns(sender);
  }

  get hasSent(): boolean {
    return this.#sent.length > 0;
  }

  async send(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    throwUnsent(messages, await this.#turns.send(messages, this.#sendingSignal()));
  }

  async sendCommitted(record: SQSRecord, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const errors = await this.#turns.send(messages, this.#sendingSignal());
    for (const message of messages) if (!errors.has(message)) this.#sent.push({ record, id: message.id });
    throwUnsent(messages, errors);
  }

  async flush(record: SQSRecord, jobId: JobId): Promise<number> {
    let count = 0;
    for await (const page of this.#ledger.followUpsOf(jobId, this.#sendingSignal())) {
      await this.sendCommitted(record, page);
      count += page.length;
    }
    return count;
  }

  async clear(): Promise<{ readonly records: ReadonlySet<SQSRecord>; readonly error?: unknown }> {
    const clearing = this.#sent;
    this.#sent = [];
    if (clearing.length === 0) return { records: new Set() };
    try {
      const ids = clearing.map(({ id }) => id);
      await this.#ledger.clearFollowUps(ids, this.#deadline.within(longestClearMs));
      return { records: new Set() };
    } catch (error) {
      return { records: new Set(clearing.map(({ record }) => record)), error };
    }
  }

  #sendingSignal(): AbortSignal {
    return this.#deadline.within(this.#deadline.remainingMs() + settleMs - reserveMs);
  }
}

type Errors = ReadonlyMap<OutgoingMessage, TendrilError>;

/**
 * Sends in turns: what comes while a turn is under way goes together in the next one, so that jobs that end at about the
 * same time share SQS's batches of ten, and none waits for more than a turn.
 */
class SendTurns {
  readonly #sender: Sender;
  #waiting: OutgoingMessage[] = [];
  #turn: Promise<unknown> | undefined;
  #next: Promise<Errors> | undefined;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  send(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<Errors> {
    this.#waiting = this.#waiting.concat(messages);
    this.#next ??= (this.#turn ?? Promise.resolve()).then(() => {
      const gathered = this.#waiting;
      this.#waiting = [];
      this.#next = undefined;
      const sending = this.#sender.send(gathered, signal);
      this.#turn = sending.catch(() => {});
      return sending;
    });
    return this.#next;
  }
}

function throwUnsent(messages: readonly OutgoingMessage[], errors: Errors): void {
  const unsent = messages.flatMap((message) => errors.get(message) ?? []);
  const [first] = unsent;
  if (first === undefined) return;
  const text = `${unsent.length} of ${messages.length} follow-ups could not be sent: ${errorText(first)}`;
  throw new FollowUpsUnsent(text, { cause: first });
}
