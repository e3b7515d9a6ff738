import { createHash } from "node:crypto";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { createDatabase } from "@tendril/ledger/database";
import { applyMigrations, type MigrationSet } from "@tendril/ledger/migrations";
import { systemClock } from "@tendril/local/clock";
import { openDataApi } from "@tendril/local/rds-data/service";
import { listen } from "@tendril/local/wire/server";
import type pg from "pg";
import { urlOf, withClient } from "./database-connection.ts";
import { emptySql } from "./empty-sql.ts";
import { clientConfig, databaseLink } from "./endpoint.ts";

const templatePrefix = "tendril_template_";
const draftSuffix = "_draft";

/** How many templates are kept, of the newest migrations. */
const templatesKept = 5;

/** Drops templates of former migrations, and gives those that stay. */
export async function dropOldTemplates(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "select datname as name from pg_database where starts_with(datname, $1) order by oid desc",
    [templatePrefix],
  );
  const names = rows.map(({ name }) => name);
  const kept = names.filter((name) => !name.endsWith(draftSuffix)).slice(0, templatesKept);
  for (const name of names.filter((each) => !kept.includes(each))) {
    await client.query(`drop database if exists ${name} with (force)`);
  }
  return kept;
}

/** The name of the database that has these migrations and is never written to: made when there is none. Error: `migration_invalid`. */
export async function ensureTemplate(client: pg.Client, url: string, sets: readonly MigrationSet[]): Promise<string> {
  const hash = createHash("sha256")
    .update(JSON.stringify([emptySql, sets]))
    .digest("hex")
    .slice(0, 32);
  const name = `${templatePrefix}${hash}`;
  const lock = Number.parseInt(hash.slice(0, 12), 16);
  if (await exists(client, name)) return name;
  await client.query("select pg_advisory_lock($1)", [lock]);
  try {
    if (!(await exists(client, name))) await makeTemplate(client, url, { name, sets });
  } finally {
    await client.query("select pg_advisory_unlock($1)", [lock]);
  }
  return name;
}

async function exists(client: pg.Client, name: string): Promise<boolean> {
  return (await client.query("select from pg_database where datname = $1", [name])).rowCount === 1;
}

async function makeTemplate(
  client: pg.Client,
  url: string,
  { name, sets }: { readonly name: string; readonly sets: readonly MigrationSet[] },
): Promise<void> {
  const draft = `${name}${draftSuffix}`;
  await client.query(`drop database if exists ${draft} with (force)`);
  await client.query(`create database ${draft}`);
  await migrate(url, draft, sets);
  await withClient(urlOf(url, draft), (own) => own.query(emptySql));
  await client.query(`alter database ${draft} rename to ${name}`);
}

/** Applies the migrations as a deployment does, through the Data API. */
async function migrate(url: string, name: string, sets: readonly MigrationSet[]): Promise<void> {
  const dataApi = openDataApi({ clock: systemClock(), databaseUrl: url });
  const server = await listen([dataApi.service], { port: 0 });
  const client = new RDSDataClient(clientConfig(server.url));
  try {
    await applyMigrations(createDatabase({ client, link: databaseLink(name) }), sets);
  } finally {
    client.destroy();
    await server.close();
    await dataApi.close();
  }
}
