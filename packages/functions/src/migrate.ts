/** Lambda entry point that brings the database up to date; it runs at each deploy, before the workers. */
import "./mapped-stacks.ts";
import { join } from "node:path";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { readDatabaseLink } from "@tendril/core/link";
import { createDatabase } from "@tendril/ledger/database";
import { type AppliedMigration, applyMigrations, readMigrations } from "@tendril/ledger/migrations";
import { Resource } from "sst/resource";

const database = createDatabase({ client: new RDSDataClient(), link: readDatabaseLink({ ...Resource }) });

/** Applies what is new, the ledger's own migrations first, and names it; applying nothing is a success. */
export async function handler(): Promise<{ applied: readonly AppliedMigration[] }> {
  const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
  const ledger = await readMigrations(join(root, "packages/ledger/migrations"));
  const jobs = await readMigrations(join(root, "packages/jobs/migrations"));
  const applied = await applyMigrations(database, [
    { name: "ledger", migrations: ledger },
    { name: "jobs", migrations: jobs },
  ]);
  return { applied };
}
