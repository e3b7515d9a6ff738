import { ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { followUpJobId, type JobId } from "@tendril/core/job-id";
import { attributeNames } from "@tendril/core/message";
import type { LocalTier } from "@tendril/local/local-tier";
import type pg from "pg";
import { isDoomed, type Order } from "./project.ts";

/** What a run has come to: each problem is a broken promise. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly done: number;
  readonly dead: number;
  /** Dead letters by what they say: the code or the name of the error; "no reason" when SQS itself moved them. */
  readonly letters: ReadonlyMap<string, number>;
}

interface Evidence {
  readonly orders: ReadonlyMap<JobId, Order>;
  readonly database: pg.Pool;
  readonly sqs: SQSClient;
  readonly tier: LocalTier;
}

/** Holds the ledger, the effects, the outbox and the dead letters against what was enqueued. */
export async function judge({ orders, database, sqs, tier }: Evidence): Promise<Verdict> {
  const jobs = new Map<string, { state: string; type: string }>();
  for (const row of (await database.query("select id, state, type from tendril.jobs")).rows) jobs.set(row.id, row);
  const effects = new Map<string, number>();
  for (const { job_id } of (await database.query("select job_id from effects")).rows)
    effects.set(job_id, (effects.get(job_id) ?? 0) + 1);
  const { letters, ids } = await readLetters(tier, sqs);
  const problems: string[] = [];
  const counts = { done: 0, dead: 0 };
  const check = (id: JobId, name: string): string | undefined => {
    const state = jobs.get(id)?.state;
    const count = effects.get(id) ?? 0;
    if (state === "done") counts.done += 1;
    else if (ids.has(id)) counts.dead += 1;
    else problems.push(`${name} is lost: ${state ?? "no row"}, and no dead letter`);
    if (count !== (state === "done" ? 1 : 0)) problems.push(`${name} is ${state}, and took effect ${count} times`);
    return state;
  };
  for (const [id, order] of orders) {
    const state = check(id, `job ${order.n} (${order.plan}, ${id})`);
    if (state === "done" && isDoomed(order)) problems.push(`job ${order.n} is done, and could not be`);
    const child = followUpJobId(id, 0);
    if (state === "done") check(child, `the follow-up of job ${order.n} (${order.follow}, ${child})`);
    else if (jobs.has(child)) problems.push(`job ${order.n} is not done, and has a follow-up`);
  }
  const { rows } = await database.query("select (select count(*) from tendril.outbox)::int as owed");
  if (rows[0]?.owed !== 0) problems.push(`${rows[0]?.owed} follow-ups are still in the outbox`);
  const made = [...effects.keys()].filter((id) => !jobs.has(id));
  if (made.length > 0) problems.push(`${made.length} effects without a claim`);
  return { problems, ...counts, letters };
}

async function readLetters(tier: LocalTier, sqs: SQSClient) {
  const letters = new Map<string, number>();
  const ids = new Set<string>();
  for (const { deadLetterUrl } of tier.queues) {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: deadLetterUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 43_200,
          MessageAttributeNames: ["All"],
        }),
      );
      if (Messages.length === 0) break;
      for (const { MessageAttributes = {} } of Messages) {
        ids.add(MessageAttributes[attributeNames.jobId]?.StringValue ?? "");
        const reason = reasonOf(MessageAttributes[attributeNames.error]?.StringValue);
        letters.set(reason, (letters.get(reason) ?? 0) + 1);
      }
    }
  }
  return { letters, ids };
}

function reasonOf(text: string | undefined): string {
  if (text === undefined) return "no reason";
  const { code, what }: { code?: string; what?: string } = JSON.parse(text);
  return code ?? what?.split(":")[0] ?? "";
}
