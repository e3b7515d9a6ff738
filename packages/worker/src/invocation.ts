import type { Logger } from "@aws-lambda-powertools/logger";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Claims } from "@tendril/client/claims";
import type { Handler } from "@tendril/core/handler";
import type { QueueLink } from "@tendril/core/link";
import type { WireJob } from "@tendril/core/message";
import type { Source } from "@tendril/core/source";
import type { Ledger } from "@tendril/ledger/ledger";
import type { SQSRecord } from "aws-lambda";
import type { Returned } from "./attempt.ts";
import type { Settlement } from "./batch.ts";
import type { Deadline } from "./deadline.ts";
import type { Group } from "./group-commit.ts";
import type { InputRoom } from "./input-room.ts";
import type { Outbox } from "./outbox.ts";

/** What the deliveries of one invocation share. */
export interface Invocation {
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Of the queue. */
  readonly sources: readonly Source[];
  /** The queue's name in the tier, and its link. */
  readonly queue: string;
  readonly link: QueueLink;
  /** Links of all the tier's queues by their names. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Receipts after which SQS itself takes the message to the dead-letter queue. */
  readonly maxReceiveCount: number;
  /** How long the ledger keeps a job, in milliseconds. */
  readonly ledgerRetentionMs: number;
  /** The longest job timeout that the function has time for, in milliseconds. */
  readonly longestJobMs: number;
  readonly sqs: SQSClient;
  readonly ledger: Ledger;
  /** Where inputs lie that are too large for a message. Default: there is no bucket for them. */
  readonly claims?: Claims | undefined;
  /** Where deliveries wait for memory. */
  readonly inputRoom: InputRoom;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly deadline: Deadline;
  readonly outbox: Outbox;
  readonly group: Group;
}

/** A delivery's end: what becomes of the record, and what logs and metrics say of it. */
export interface Delivery {
  readonly settlement: Settlement;
  /** Absent when the message could not be read. */
  readonly job?: WireJob;
  /** How long the attempt took, in milliseconds; absent when none began. */
  readonly ms?: number;
  readonly thrown?: unknown;
  /** How many follow-ups were sent. */
  readonly followUps?: number;
  /** Whether the job's process has ended while it ran, too often for another attempt. */
  readonly crashed?: boolean;
  /** What a built-in job has done. */
  readonly facts?: Readonly<Record<string, number>>;
}

/** A job that can be run, and the record that it came in. */
export interface Runnable {
  readonly record: SQSRecord;
  readonly job: WireJob;
  readonly handler: Handler;
  readonly input: unknown;
  /** Set when the handler has run before the job was claimed. */
  readonly ahead?: {
    /** Settled: what the handler has come to. */
    readonly returning: Promise<Returned>;
    readonly startedAtMs: number;
  };
}

/** A delivery whose handler has ended well, and whose job is being committed together with others. */
export interface Committing {
  readonly committing: Promise<Delivery>;
}

/** What a delivery resolves to, nothing settled, when its job has to run alone. */
export const suspect = Symbol("suspect");

/** How often SQS has handed the record's message out, this time included: at least 1. */
export function receiptsOf(record: SQSRecord): number {
  return Math.max(1, Number(record.attributes.ApproximateReceiveCount) || 1);
}
