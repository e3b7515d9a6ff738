/**
 * Jobs that are enqueued with an application's own transaction: sent when it commits, never when it does not.
 *
 * PROTOCOL. In the transaction the job's message goes into `tendril.outbox`, under a parent id of the transaction's own.
 * Before `enqueueIn` resolves, SQS has a *relay message* (`tendril.relay`) that names the parent and Postgres' id of the
 * transaction. Whichever worker gets it asks Postgres how the transaction ended: committed, it sends what is in the outbox
 * and clears it; in progress, it asks again later; aborted, there is nothing to send. So nothing polls, and no job is lost:
 * what can be committed has its relay message before, and that message stays until the jobs are sent. What is sent twice,
 * by the relay message and by `relay`, takes effect once: ids are fixed when the row is written.
 */
import { ExecuteStatementCommand, type RDSDataClient } from "@aws-sdk/client-rds-data";
import { relayJobType } from "@tendril/core/built-in";
import type { InputOf, JobSpec } from "@tendril/core/job";
import { type JobId, newJobId } from "@tendril/core/job-id";
import type { DatabaseLink, QueueLink } from "@tendril/core/link";
import { type OutgoingMessage, writeMessage } from "@tendril/core/message";
import { outboxEntryJson } from "@tendril/core/outbox-entry";
import { chooseId, sealingIds } from "./choose-id.ts";
import type { ClientOptions } from "./client.ts";
import type { EnqueueOptions } from "./client-interface.ts";
import { routeMessages, writeOutgoing } from "./outgoing.ts";
import { randomBytes16 } from "./random-bytes.ts";
import { isFifo } from "./send-parameters.ts";
import { createSender, type Sender } from "./sender.ts";

/** Enqueues jobs in transactions of the RDS Data API. */
export interface Outbox {
  /**
   * Enqueues a job with the transaction: it is sent once that commits. Costs one Data API call, and one SQS call for the
   * first job of `tx`. Calls with one `tx` object share one relay message. When it rejects, roll back. Errors:
   * those of `Client.enqueue`, the Data API's own, and `aws_call_failed` when SQS has not taken the relay message.
   */
  enqueueIn<Spec extends JobSpec>(
    tx: OpenTransaction,
    spec: Spec,
    input: InputOf<Spec>,
    options?: EnqueueOptions,
  ): Promise<JobId>;
  /**
   * Sends at once what was enqueued with the `tx` object, and resolves to how many jobs that were: call it after the
   * commit, or leave it to the relay message, which comes 5 seconds later. It sends what is committed, and nothing else, so
   * it is never wrong to call it. Costs two Data API calls. Error: `aws_call_failed`; the relay message heals it.
   */
  relay(tx: OpenTransaction): Promise<number>;
}

/** A transaction that `BeginTransaction` of the Data API has begun, in the database that has the ledger. */
export interface OpenTransaction {
  readonly transactionId: string;
}

/** What `createOutbox` takes: what a client over SQS does, and the database. The SDK's clients stay the caller's to destroy. */
export interface OutboxOptions extends Omit<ClientOptions, "jobs" | "specs"> {
  readonly rdsData: RDSDataClient;
  readonly database: DatabaseLink;
}

/**
 * How long the relay message waits on a standard queue, in milliseconds: most transactions have ended by then. One of a
 * FIFO queue cannot wait.
 */
const relayDelayMs = 5_000;

/** What was enqueued with one `tx` object. */
interface Enqueued {
  /** An object that is used for a later transaction too begins anew. */
  readonly transactionId: string;
  readonly parent: JobId;
  readonly messages: OutgoingMessage[];
  /** Resolves when SQS has the relay message. */
  relaySent?: Promise<void>;
}

/** Makes an outbox. It holds no connection of its own. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { queues, claims, now = Date.now } = options;
  const newId = options.newId ?? sealingIds(now);
  const sender = createSender(options);
  const enqueued = new WeakMap<OpenTransaction, Enqueued>();
  const execute = executor(options);
  return {
    async enqueueIn(tx, spec, input, where = {}) {
      const to = { ...where, queues, claims, newId, nowMs: now() };
      const message = await writeOutgoing(spec, input, { ...to, id: chooseId(spec, where, to) });
      const { transactionId } = tx;
      const known = enqueued.get(tx);
      const own: Enqueued =
        known?.transactionId === transactionId ? known : { transactionId, parent: randomId(now()), messages: [] };
      enqueued.set(tx, own);
      const position = own.messages.push(message) - 1;
      const [row] = await execute(insertSql, [own.parent, `[${outboxEntryJson(message, position, toBase64)}]`], tx);
      const { link, queue } = routeMessages(spec, to);
      const relaying = { parent: own.parent, xid: String(row?.[0]), queue, link, nowMs: now() };
      own.relaySent ??= sendRelay(relaying, sender).catch((error: unknown) => {
        delete own.relaySent; // the next job of the transaction tries again
        throw error;
      });
      await own.relaySent;
      return message.id;
    },
    async relay(tx) {
      const { parent, messages } = enqueued.get(tx) ?? { messages: [] };
      if (parent === undefined) return 0;
      const rows = await execute(committedSql, [parent]);
      const committed = new Set(rows.map(([id]) => id));
      const sending = messages.filter(({ id }) => committed.has(id));
      const errors = await sender.send(sending);
      const [error] = errors.values();
      if (error !== undefined) throw error;
      if (sending.length > 0) await execute(clearSql, [`{${sending.map(({ id }) => id).join()}}`]);
      return sending.length;
    },
  };
}

// The ledger's outbox, as its migrations make it. `finish` writes a list of messages in the form of `outboxEntryJson`.
const insertSql =
  "select pg_current_xact_id()::text as xid, tendril.finish(:p1::uuid, null, :p2::text::json) as written";
const committedSql = "select id::text from tendril.outbox where parent_id = :p1::uuid";
const clearSql = "delete from tendril.outbox where id = any (array(select unnest(:p1::text::uuid[])))";

const toBase64 = (text: string): string => Buffer.from(text).toString("base64");

async function sendRelay(
  {
    parent,
    xid,
    queue,
    link,
    nowMs,
  }: {
    readonly parent: JobId;
    readonly xid: string;
    readonly queue: string;
    readonly link: QueueLink;
    readonly nowMs: number;
  },
  sender: Sender,
): Promise<void> {
  const id = randomId(nowMs);
  // On a FIFO queue it has a group of its own: it holds up no jobs.
  const wait = isFifo(link) ? { group: parent } : { notBeforeMs: nowMs + relayDelayMs };
  const message = { id, queue, ...writeMessage({ id, type: relayJobType, input: { parent, xid } }), ...wait };
  const error = (await sender.send([message])).get(message);
  if (error !== undefined) throw error;
}

const randomId = (nowMs: number): JobId => newJobId(nowMs, randomBytes16());

/** Runs a statement, in the transaction when there is one, and resolves to its rows' texts. */
function executor({ rdsData, database }: OutboxOptions) {
  return async (sql: string, values: readonly string[], tx?: OpenTransaction): Promise<(string | undefined)[][]> => {
    const command = new ExecuteStatementCommand({
      resourceArn: database.clusterArn,
      secretArn: database.secretArn,
      database: database.database,
      sql,
      parameters: values.map((value, index) => ({ name: `p${index + 1}`, value: { stringValue: value } })),
      ...(tx === undefined ? {} : { transactionId: tx.transactionId }),
    });
    const { records = [] } = await rdsData.send(command);
    return records.map((row) => row.map(({ stringValue }) => stringValue));
  };
}
