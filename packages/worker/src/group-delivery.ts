import { type Returned, runAhead } from "./attempt.ts";
import { DeadlineError } from "./deadline.ts";
import { deliverExactlyOnce, finishDone } from "./exactly-once.ts";
import { settleObstacle } from "./failure.ts";
import { type Committing, type Delivery, type Invocation, type Runnable, receiptsOf, suspect } from "./invocation.ts";
import { logStart } from "./job-log.ts";

/**
 * Whether the job may be run before it is claimed, and committed with others. Only at its message's first receipt: what
 * comes again may be done, or have taken its process down, and is claimed first. On a FIFO queue the next job of a message
 * group does not begin before the one before it is committed; a run that may have to be skipped must not begin at all.
 */
export function goesInGroup({ record, job, handler }: Runnable): boolean {
  if (handler.spec.commit !== "grouped" || job.overlap !== undefined) return false;
  return receiptsOf(record) === 1 && !record.eventSourceARN.endsWith(".fifo");
}

/**
 * Delivers a job whose handler only writes: runs the handler, then commits claim, writes, result and follow-ups together
 * with those of the batch's other jobs. Whatever does not go well that way (the handler fails, the job is not to be claimed,
 * a statement is refused) is delivered as any other exactly-once job is, except that its handler has run.
 */
export async function deliverInGroup(runnable: Runnable, invocation: Invocation): Promise<Delivery | Committing> {
  const { job, handler, input } = runnable;
  const startedAtMs = invocation.now();
  await logStart(invocation.logger, { job, queue: invocation.queue }, 1);
  const returning = runAhead({ job, handler, input, number: 1, invocation });
  const ran = { ...runnable, ahead: { returning, startedAtMs } };
  try {
    const returned = await returning;
    return { committing: commit(ran, returned, invocation) };
  } catch (thrown) {
    if (thrown instanceof DeadlineError) return cut(ran, thrown, invocation);
    return { committing: deliverAlone(ran, invocation) };
  }
}

type Ran = Runnable & Required<Pick<Runnable, "ahead">>;

async function commit(ran: Ran, returned: Returned, invocation: Invocation): Promise<Delivery> {
  const { job, record, ahead } = ran;
  const { deadline, group, queue } = invocation;
  const delivery = { job, queue, messageId: record.messageId };
  const grouped = await group.commit({ delivery, jobId: job.id, ...returned });
  switch (grouped.kind) {
    case "done":
      return finishDone({ ...ran, ...ahead, attempt: grouped.attempt }, returned.followUps, invocation);
    case "alone":
      invocation.logger.info("job not committed with others", {
        job_id: job.id,
        job_type: job.type,
        reason: grouped.reason,
      });
      return deliverAlone(ran, invocation);
    case "away":
      return cut(ran, deadline.signal.aborted ? deadline.signal.reason : grouped.error, invocation);
  }
}

/** What has run is no suspect, whatever else is running. */
async function deliverAlone(ran: Ran, invocation: Invocation): Promise<Delivery> {
  const delivery = await invocation.group.alone(() => deliverExactlyOnce(ran, invocation, true));
  if (delivery === suspect) throw new Error("a job that has run is no suspect");
  return delivery;
}

/** No attempt; if it is committed all the same, its next delivery finds that. */
async function cut({ record, job, handler, ahead }: Ran, thrown: unknown, invocation: Invocation): Promise<Delivery> {
  const ms = invocation.now() - ahead.startedAtMs;
  const failed = { record, job, policy: handler.spec.retry, attempt: 0, thrown, ms, inLedger: "when dead" } as const;
  return { job, ms, settlement: await settleObstacle(failed, invocation), thrown };
}
