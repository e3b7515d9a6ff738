import { errorText, TendrilError } from "@tendril/core/errors";
import pg from "pg";
import type { Postgres } from "./postgres.ts";

/** How long the server may take to answer, in milliseconds. */
const connectTimeoutMs = 10_000;

/**
 * A PostgreSQL that somebody else runs, once it has answered: it is used, and never stopped. Error:
 * `postgres_unavailable`; its text has no password.
 */
export async function useDatabase(databaseUrl: string): Promise<Postgres> {
  const { hostname, port, pathname } = new URL(databaseUrl);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectTimeoutMs });
  client.on("error", () => {}); // said by what it is used for
  try {
    await client.connect();
    await client.query("select 1");
  } catch (error) {
    throw new TendrilError("postgres_unavailable", {
      where: `${hostname}:${port || 5432}${pathname}`,
      given: errorText(error instanceof AggregateError ? error.errors[0] : error),
      allowed: "a PostgreSQL that answers",
      fix: "Start it, or correct --database-url.",
      cause: error,
    });
  } finally {
    await client.end().catch(() => {});
  }
  return {
    url: databaseUrl,
    port: Number(port || 5432),
    exited: new Promise(() => {}),
    stop: () => Promise.resolve(),
  };
}
