import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { TendrilError } from "@tendril/core/errors";
import type { MigrationSet } from "@tendril/ledger/migrations";
import pg from "pg";
import { urlOf, withClient } from "./database-connection.ts";
import { ensureTemplate } from "./template.ts";

/** A database of one test tier, as the migrations leave it. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** For SQL beside the Data API. */
  readonly pool: pg.Pool;
  /** Brings every table and sequence back to what it was after the migrations. */
  empty(): Promise<void>;
  /** Ends its connections, and keeps it for the next tier or drops it. */
  close(): Promise<void>;
}

const testPrefix = "tendril_test_";
const sparePrefix = "tendril_spare_";

/** Databases of a template that wait for a tier, of 8 MB each: as many as test files run at the same time on most machines. */
const mostSpares = 8;

/**
 * Takes a database that has these migrations: one that another tier has given back, or a copy of a template to which they
 * were applied once. Errors: `postgres_unavailable`, `migration_invalid`.
 */
export async function takeTestDatabase(url: string, sets: readonly MigrationSet[]): Promise<TestDatabase> {
  const name = `${testPrefix}${process.pid}_${randomBytes(6).toString("hex")}`;
  const template = await withClient(url, async (client) => {
    const found = await ensureTemplate(client, url, sets);
    if (!(await takeSpare(client, found, name))) await client.query(`create database ${name} template ${found}`);
    return found;
  }).catch(wordDenial);
  const ownUrl = urlOf(url, name);
  const pool = new pg.Pool({ connectionString: ownUrl, allowExitOnIdle: true, max: 5 });
  pool.on("error", () => {});
  const empty = async (): Promise<void> => void (await pool.query("select tendril_testing.empty()"));
  return {
    name,
    url: ownUrl,
    pool,
    empty,
    async close() {
      const isWhole = await empty()
        .then(() => hasItsSchema(pool))
        .catch(() => false);
      await pool.end();
      await withClient(url, async (client) => {
        if (isWhole && (await giveBack(client, name, template))) return;
        await client.query(`drop database if exists ${name} with (force)`);
      });
    },
  };
}

/** https://www.postgresql.org/docs/17/errcodes-appendix.html */
const insufficientPrivilege = "42501";

function wordDenial(error: unknown): never {
  if (!(error instanceof pg.DatabaseError) || error.code !== insufficientPrivilege) throw error;
  throw new TendrilError("postgres_unavailable", {
    where: "databaseUrl",
    given: `a user whom PostgreSQL tells: ${error.message}`,
    allowed: "a user who may create databases",
    fix: "`alter role … createdb` gives that right.",
    cause: error,
  });
}

/** Drops what processes that were killed have left. */
export async function dropTestDatabases(client: pg.Client): Promise<void> {
  for (const name of await namesLike(client, testPrefix)) {
    await client.query(`drop database if exists ${name} with (force)`);
  }
}

/** Drops those that wait, but for those of the templates. */
export async function dropSpares(client: pg.Client, templates: readonly string[]): Promise<void> {
  for (const name of await namesLike(client, sparePrefix)) {
    if (!templates.some((template) => name.startsWith(spareOf(template)))) {
      await client.query(`drop database if exists ${name} with (force)`);
    }
  }
}

const spareOf = (template: string): string => `${sparePrefix}${template.slice(-24)}_`;

async function namesLike(client: pg.Client, prefix: string): Promise<string[]> {
  const sql = "select datname as name from pg_database where starts_with(datname, $1)";
  return (await client.query<{ name: string }>(sql, [prefix])).rows.map(({ name }) => name);
}

/** Renames a spare one; whoever renames it first has it. */
async function takeSpare(client: pg.Client, template: string, name: string): Promise<boolean> {
  for (const spare of await namesLike(client, spareOf(template))) {
    const isTaken = await client.query(`alter database ${spare} rename to ${name}`).then(
      () => true,
      () => false,
    );
    if (isTaken) return true;
  }
  return false;
}

/** False when nobody needs it, or somebody's connection stays open. */
async function giveBack(client: pg.Client, name: string, template: string): Promise<boolean> {
  const prefix = spareOf(template);
  if ((await namesLike(client, prefix)).length >= mostSpares) return false;
  for (let tries = 0; tries < 20; tries++) {
    await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
    const isGiven = await client
      .query(`alter database ${name} rename to ${prefix}${randomBytes(6).toString("hex")}`)
      .then(
        () => true,
        () => false,
      );
    if (isGiven) return true;
    await pause(5);
  }
  return false;
}

/** False when a test has changed tables, functions or the like: the next one is not to find that. */
async function hasItsSchema(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(
    "select fingerprint = tendril_testing.fingerprint() as same from tendril_testing.schema",
  );
  return rows[0]?.same === true;
}
