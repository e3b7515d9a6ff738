import { TendrilError } from "@tendril/core/errors";
import pg from "pg";

/** Does something over one connection. Error: `postgres_unavailable`. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {});
  await client.connect().catch((error: unknown) => {
    const { hostname, port, pathname } = new URL(url);
    throw new TendrilError("postgres_unavailable", {
      where: `${hostname}:${port || 5432}${pathname}`,
      given: error instanceof Error ? error.message || error.name : "no connection",
      allowed: "a PostgreSQL that answers",
      fix: "Start it, or correct `databaseUrl`; its user must be allowed to create databases.",
      cause: error,
    });
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The URL of another database of the same server. */
export function urlOf(url: string, name: string): string {
  const copy = new URL(url);
  copy.pathname = `/${name}`;
  return copy.href;
}
