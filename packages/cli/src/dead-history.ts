import { setTimeout as delay } from "node:timers/promises";
import { ExecuteStatementCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
import { errorText, TendrilError } from "@tendril/core/errors";
import type { DatabaseLink } from "@tendril/core/link";
import type { DeadAddress } from "./dead-command.ts";
import { clientConfig } from "./dead-queues.ts";

/** What the ledger knows of a job: rows as their columns are called. */
export type JobHistory =
  | {
      readonly kind: "known";
      /** Undefined when the job is not in the ledger. */
      readonly job: Row | undefined;
      readonly failedAttempts: readonly Row[];
    }
  | { readonly kind: "unknown"; readonly why: string };

export type Row = Readonly<Record<string, unknown>>;

/** The ledger of the local tier: its database has this name, and any cluster and secret will do. */
const localDatabase: DatabaseLink = {
  clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:tendril",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:tendril",
  database: "tendril",
};

// A row has at most 64 KB, an answer 1 MiB: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.html
const jobSql = "select (to_jsonb(job) - 'result')::text from tendril.jobs as job where id = :id::uuid";
const failuresSql = `select jsonb_build_object('attempt', attempt, 'state', state, 'started_at', started_at,
    'failed_at', failed_at, 'error', left(error, 2000))::text
  from tendril.failed_attempts where job_id = :id::uuid order by failed_at desc limit 100`;

/** Reads a job's history. Never rejects: a letter is worth showing without it. */
export async function readHistory(at: DeadAddress, link: DatabaseLink | undefined, jobId: string): Promise<JobHistory> {
  const database = link ?? (at.kind === "local" ? localDatabase : undefined);
  if (database === undefined) {
    return { kind: "unknown", why: "where the ledger is was not said: --cluster-arn, --secret-arn and --database" };
  }
  const client = new RDSDataClient(clientConfig(at));
  try {
    const [job] = await query(client, database, jobSql, jobId);
    return { kind: "known", job, failedAttempts: (await query(client, database, failuresSql, jobId)).reverse() };
  } catch (error) {
    return { kind: "unknown", why: errorText(error, 300).split("\n")[0] ?? "" };
  } finally {
    client.destroy();
  }
}

/** A database that sleeps takes about 15 seconds to wake. */
const mostWakingTries = 10;
const wakingPauseMs = 3000;

async function query(client: RDSDataClient, link: DatabaseLink, sql: string, jobId: string): Promise<Row[]> {
  const { clusterArn: resourceArn, secretArn, database } = link;
  const parameters = [{ name: "id", value: { stringValue: jobId } }];
  for (let tries = 1; ; tries += 1) {
    try {
      const command = new ExecuteStatementCommand({ resourceArn, secretArn, database, sql, parameters });
      const { records = [] } = await client.send(command);
      return records.map(([field]) => readRow(field?.stringValue));
    } catch (error) {
      const resumes = error instanceof Error && error.name === "DatabaseResumingException";
      if (!resumes || tries === mostWakingTries) throw error;
      console.error("· the database wakes …");
      await delay(wakingPauseMs);
    }
  }
}

function readRow(text: string | undefined): Row {
  const row: unknown = JSON.parse(text ?? "null");
  if (typeof row === "object" && row !== null) return Object.fromEntries(Object.entries(row));
  throw new TendrilError("aws_call_failed", { where: "the ledger", given: "no row", allowed: "a row as JSON" });
}
