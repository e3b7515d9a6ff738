import type { SQSClient } from "@aws-sdk/client-sqs";
import {
  chooseLetters,
  type DeadFilter,
  type DeadLetter,
  isChosen,
  readDeadLetter,
} from "@tendril/client/operations/dead-letter";
import type { DeadQueue } from "@tendril/client/operations/dead-queue";
import { countMessages, openDeadReader } from "@tendril/client/operations/dead-reader";
import type { Progress } from "./dead-progress.ts";

/** What was found in the dead-letter queues. */
export interface Survey {
  /** The chosen letters, the oldest first. */
  readonly letters: readonly DeadLetter[];
  /** Of each queue what could not be looked at, in words. */
  readonly notes: readonly string[];
  /** Letters of a queue, by its name, that SQS did not show. */
  readonly unseen: ReadonlyMap<string, number>;
  /** Letters that could not be made visible again at once. */
  readonly stillHidden: number;
}

export interface SurveyOptions {
  readonly sqs: SQSClient;
  readonly queues: readonly DeadQueue[];
  readonly filter: DeadFilter;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Reads every dead-letter queue to its end and keeps what is known of the letters that are asked for; in the end all are
 * visible again, also after an error. Error: `aws_call_failed`.
 */
export async function surveyLetters({ sqs, queues, filter, signal, progress }: SurveyOptions): Promise<Survey> {
  const letters: DeadLetter[] = [];
  const notes: string[] = [];
  const unseen = new Map<string, number>();
  let stillHidden = 0;
  for (const queue of queues) {
    const { visible, hidden } = await countMessages(sqs, queue);
    if (hidden > 0) notes.push(`${queue.name}: ${hidden} more are hidden now, because somebody else reads them`);
    const reader = openDeadReader({ sqs, queue, expected: visible, signal });
    progress.begin(`reading the dead letters of ${queue.name}`, visible);
    try {
      for await (const messages of reader.batches()) {
        letters.push(...messages.map((each) => readDeadLetter(each, queue)).filter((each) => isChosen(each, filter)));
        progress.step(messages.length);
      }
      const left = signal.aborted ? 0 : (await countMessages(sqs, queue)).visible;
      unseen.set(queue.name, left);
      if (left > 0) notes.push(`${queue.name}: ${left} more were not seen: ${whyUnseen(queue)}`);
    } finally {
      progress.end();
      stillHidden += await reader.release();
    }
  }
  return { letters: chooseLetters(letters, filter), notes, unseen, stillHidden };
}

function whyUnseen({ fifo }: DeadQueue): string {
  return fifo
    ? "of a group SQS shows ten, until they are gone"
    : "they are newer, or more than SQS gives to read at the same time (120,000)";
}
