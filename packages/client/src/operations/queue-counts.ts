import { GetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueLink } from "@tendril/core/link";
import { failedCall } from "./dead-queue.ts";

/**
 * Messages of a queue as SQS counts them: approximately, and up to a minute late.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
 */
export interface QueueCounts {
  /** May be received now. */
  readonly waiting: number;
  /** Wait for their delay to be over. */
  readonly delayed: number;
  /** Were received, and are neither deleted nor visible again. */
  readonly inFlight: number;
  /** In the dead-letter queue, those that somebody looks at included. */
  readonly deadLetters: number;
}

/** Counts the messages of a queue and of its dead-letter queue, with a call each. Errors: `aws_call_failed`, `rate_limited`. */
export async function queueCounts(sqs: SQSClient, name: string, link: QueueLink): Promise<QueueCounts> {
  const [main, dead] = await Promise.all([
    countsOf(sqs, link.url, `GetQueueAttributes of ${name}`),
    countsOf(sqs, link.deadLetterUrl, `GetQueueAttributes of ${name}'s dead letters`),
  ]);
  return { ...main, deadLetters: dead.waiting + dead.delayed + dead.inFlight };
}

async function countsOf(sqs: SQSClient, QueueUrl: string, call: string): Promise<Omit<QueueCounts, "deadLetters">> {
  const command = new GetQueueAttributesCommand({
    QueueUrl,
    AttributeNames: [
      "ApproximateNumberOfMessages",
      "ApproximateNumberOfMessagesDelayed",
      "ApproximateNumberOfMessagesNotVisible",
    ],
  });
  const { Attributes = {} } = await sqs.send(command).catch(failedCall(call));
  return {
    waiting: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
    inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  };
}
