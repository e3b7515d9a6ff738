import type { Operations } from "@tendril/client/operations/operations";
import { newJobId } from "@tendril/core/job-id";
import type { JobStore } from "@tendril/core/job-record";
import type { Probe } from "./health.ts";

/** A job that nobody has enqueued. */
const nobodysJob = newJobId(0, new Uint8Array(16));

/** What a whole tier needs: each of its queues, and the ledger, as far as there are such. */
export function probesOf({
  queues,
  operations,
  store,
}: {
  readonly queues: Readonly<Record<string, unknown>>;
  readonly operations?: (() => Promise<Pick<Operations, "queue">>) | undefined;
  readonly store?: (() => Promise<Pick<JobStore, "read">>) | undefined;
}): Probe[] {
  const probes: Probe[] = [];
  if (operations !== undefined) probes.push(...Object.keys(queues).map((name) => queueProbe(name, operations)));
  if (store !== undefined) probes.push(ledgerProbe(store));
  return probes;
}

const queueProbe = (name: string, operations: () => Promise<Pick<Operations, "queue">>): Probe => ({
  name: `queue ${name}`,
  asks: "SQS, how many messages it and its dead-letter queue have",
  async ask() {
    const { waiting, deadLetters } = await (await operations()).queue(name);
    return `${waiting} waiting, ${deadLetters} dead letters`;
  },
});

const ledgerProbe = (store: () => Promise<Pick<JobStore, "read">>): Probe => ({
  name: "database",
  asks: "the ledger, for a job that is not there",
  async ask(signal) {
    await (await store()).read(nobodysJob, signal);
    return undefined;
  },
});
