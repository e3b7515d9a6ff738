/**
 * A process that runs one PostgreSQL for all test processes of this machine's user, and ends when none is left:
 * `node database-holder.ts FOLDER PORT GRACE_MS`. Who listens on the port is the holder, so there is one; who is connected
 * to it uses the database, and the operating system closes that connection however the user's process ends.
 */
import { existsSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { errorText } from "@tendril/core/errors";
import { dropPostgres, type Postgres, startPostgres } from "@tendril/local/postgres/postgres";
import pg from "pg";
import { greeting } from "./database-greeting.ts";
import { dropOldTemplates } from "./template.ts";
import { dropSpares, dropTestDatabases } from "./test-database.ts";

const [folder = "", port = "", graceMs = ""] = process.argv.slice(2);

const users = new Set<net.Socket>();
const server = net.createServer((socket) => {
  users.add(socket);
  clearTimeout(leaving);
  socket.on("error", () => {});
  socket.on("close", () => {
    users.delete(socket);
    leaveWhenAlone();
  });
  socket.resume();
  socket.write(greeting({ folder, kind: "starting" }));
  void answer.then((line) => socket.write(line));
});

let leaving: NodeJS.Timeout | undefined;
const leaveWhenAlone = (): void => {
  if (users.size > 0) return;
  clearTimeout(leaving);
  leaving = setTimeout(() => void leave(), Number(graceMs));
};

const started = new Promise<void>((resolve) => {
  server.once("error", () => process.exit(0)); // another holder was faster
  server.listen({ port: Number(port), host: "127.0.0.1", exclusive: true }, resolve);
}).then(start);

const answer: Promise<string> = started.then(
  ({ url }) => greeting({ folder, kind: "ready", url }),
  (error: unknown) => greeting({ folder, kind: "failed", error: errorText(error) }),
);

const leave = async (): Promise<void> => {
  server.close();
  await started.then((postgres) => postgres.stop()).catch(() => {});
  process.exit(0);
};

process.on("SIGTERM", () => void leave());
process.on("SIGINT", () => void leave());
leaveWhenAlone();
void started.then((postgres) => postgres.exited).then(leave, () => {});

async function start(): Promise<Postgres> {
  const postgres = await startAgain();
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await dropTestDatabases(client);
    await dropSpares(client, await dropOldTemplates(client));
  } finally {
    await client.end();
  }
  return postgres;
}

/** Data that a power cut or an earlier failure may have damaged is thrown away: nobody needs it. */
async function startAgain(): Promise<Postgres> {
  const dir = join(folder, "postgres");
  const options = { dir, port: 0, durable: false, log: () => {} };
  if (existsSync(join(dir, "data", "postmaster.pid"))) await dropPostgres(dir);
  return startPostgres(options).catch(async () => {
    await dropPostgres(dir);
    return startPostgres(options);
  });
}
