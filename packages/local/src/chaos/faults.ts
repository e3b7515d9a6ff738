/**
 * What can go wrong, and how often: rates from 0 (never) to 1 (always), of the messages, calls or invocations that each
 * kind names. With the defaults a tier gets through its work, in a few more attempts.
 */
export interface FaultRates {
  /** A message of a standard queue is visible again although it was just received. Of receipts. Default 0.05. */
  readonly "delivered-twice": number;
  /** Messages behind a message of a standard queue are received before it. Of receipts. Default 0.1. */
  readonly "out-of-order": number;
  /** A message that was sent becomes visible late; in a FIFO queue its group waits for it. Of messages. Default 0.05. */
  readonly late: number;
  /**
   * A receipt that the receiver never sees: it counts, and the message comes back after its visibility timeout; in a FIFO
   * queue those that were received behind it in its group do too. Of receipts. Default 0.01.
   */
  readonly "receipt-lost": number;
  /** A message is received with a count that is one too high. Of receipts. Default 0.02. */
  readonly "count-inflated": number;
  /**
   * A message of a standard queue stays although its deletion was acknowledged, and comes back after its visibility
   * timeout: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html. Of deletions.
   * Default 0.01.
   */
  readonly "deleted-in-vain": number;
  /** A call is answered with the service's throttling error. Of calls. Default 0.02. */
  readonly "call-throttled": number;
  /** A call is answered with status 500 or 503 and not run. Of calls. Default 0.02. */
  readonly "call-failed": number;
  /** A call is run, and its connection is cut before the answer. Of calls. Default 0.01. */
  readonly "answer-lost": number;
  /** A call is run late. Of calls. Default 0.05. */
  readonly "call-slow": number;
  /** An entry of a batch call to SQS fails, and no fault of the sender's. Of entries. Default 0.05. */
  readonly "entry-failed": number;
  /** The database begins to resume: for a while new work gets `DatabaseResumingException`. Of such calls. Default 0.005. */
  readonly "database-resuming": number;
  /** A function is throttled. Of invocations. Default 0.02. */
  readonly "invocation-throttled": number;
  /** A function's process is killed before its handler is called. Of invocations. Default 0.01. */
  readonly "killed-before-work": number;
  /** A function's process is killed while its handler runs. Of invocations. Default 0.01. */
  readonly "killed-at-work": number;
  /** A function's process is killed when its handler has answered; the answer is lost. Of invocations. Default 0.01. */
  readonly "killed-after-work": number;
  /** A function's process is killed when it calls, before the call is run. Of functions' calls. Default 0.002. */
  readonly "killed-before-call": number;
  /** A function's process is killed when a call of its was run, before the answer. Of functions' calls. Default 0.002. */
  readonly "killed-after-call": number;
  /** A function's process is killed after the messages that it did were deleted. Of batches. Default 0.01. */
  readonly "killed-after-delete": number;
  /** An event source mapping cannot delete a batch: the messages come back. Of batches. Default 0.02. */
  readonly "delete-refused": number;
}

export type FaultKind = keyof FaultRates;

/** See `FaultRates`. */
export const defaultRates: FaultRates = {
  "delivered-twice": 0.05,
  "out-of-order": 0.1,
  late: 0.05,
  "receipt-lost": 0.01,
  "count-inflated": 0.02,
  "deleted-in-vain": 0.01,
  "call-throttled": 0.02,
  "call-failed": 0.02,
  "answer-lost": 0.01,
  "call-slow": 0.05,
  "entry-failed": 0.05,
  "database-resuming": 0.005,
  "invocation-throttled": 0.02,
  "killed-before-work": 0.01,
  "killed-at-work": 0.01,
  "killed-after-work": 0.01,
  "killed-before-call": 0.002,
  "killed-after-call": 0.002,
  "killed-after-delete": 0.01,
  "delete-refused": 0.02,
};

/** No fault at all; to be spread: `{ ...noFaults, late: 0.5 }` turns one on alone. */
export const noFaults: FaultRates = {
  "delivered-twice": 0,
  "out-of-order": 0,
  late: 0,
  "receipt-lost": 0,
  "count-inflated": 0,
  "deleted-in-vain": 0,
  "call-throttled": 0,
  "call-failed": 0,
  "answer-lost": 0,
  "call-slow": 0,
  "entry-failed": 0,
  "database-resuming": 0,
  "invocation-throttled": 0,
  "killed-before-work": 0,
  "killed-at-work": 0,
  "killed-after-work": 0,
  "killed-before-call": 0,
  "killed-after-call": 0,
  "killed-after-delete": 0,
  "delete-refused": 0,
};

/** The longest that waiting faults last, in milliseconds; each is between a tenth of it and all of it. */
export interface FaultDurations {
  /** How late a message becomes visible. Default 5,000. */
  readonly lateMs: number;
  /** When a message that is delivered twice is visible again, at the latest. Default 2,000. */
  readonly againMs: number;
  /** How long a slow call waits. Default 1,000. */
  readonly slowMs: number;
  /** How long the database resumes. Default 3,000. */
  readonly resumingMs: number;
  /** How long a handler works before its process is killed, if it has not answered before. Default 200. */
  readonly workMs: number;
}

export const defaultDurations: FaultDurations = {
  lateMs: 5_000,
  againMs: 2_000,
  slowMs: 1_000,
  resumingMs: 3_000,
  workMs: 200,
};

/** A point of a function's work at which its process is killed: "after the claim", "before the commit". */
export interface CrashPoint {
  /** What the log calls it. No two points may have one name: each has a stream of its own. */
  readonly name: string;
  /** Before the call is run, or when it was run and before the answer leaves. */
  readonly when: "before" | "after";
  /** An operation of SQS, the Data API or Scheduler, e.g. `CommitTransaction`. */
  readonly operation: string;
  /** Only calls of the Data API whose SQL matches. */
  readonly statement?: RegExp;
  /** 0 to 1, of a function's calls that fit. */
  readonly rate: number;
}

/** A fault that has happened. */
export interface Fault {
  readonly kind: FaultKind | "killed-at-point" | "database-away";
  /** Where, e.g. `receive jobs`, `SendMessageBatch jobs`, `invoke jobs-worker`. */
  readonly site: string;
  /** The how manieth event at that site it struck, from 1. */
  readonly event: number;
  /** What was done, in a few words. */
  readonly what: string;
  /** The message that it struck, when it was one. */
  readonly messageId?: string;
}
