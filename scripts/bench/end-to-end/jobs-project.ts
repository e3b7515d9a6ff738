import { join } from "node:path";
import { copyProject, type Project } from "../../../test/support/project.ts";

/** The job types: each does the same insert, and has a queue of its own. */
export const jobTypes = ["loose", "once", "grouped"] as const;

/** A copy of this repository whose app inserts rows. `databaseUrlFile`: where its at-least-once jobs find PostgreSQL. */
export async function copyJobsProject(): Promise<Project & { readonly databaseUrlFile: string }> {
  const project = await copyProject();
  const databaseUrlFile = join(project.root, "database-url");
  await project.write("packages/jobs/src/specs.ts", specs);
  await project.write("packages/jobs/src/tier.ts", tier);
  await project.write("packages/jobs/src/handlers.ts", handlers(databaseUrlFile));
  await project.write("packages/jobs/migrations/0002_effects.sql", effects);
  return { ...project, databaseUrlFile };
}

const specs = `import { defineJob } from "@tendril/core/job";
import * as z from "zod";

const input = z.object({ run: z.string(), sentMs: z.number() });

export const Loose = defineJob({ type: "Loose", queue: "loose", input, effects: "at-least-once" });
export const Once = defineJob({ type: "Once", queue: "once", input });
export const Grouped = defineJob({ type: "Grouped", queue: "grouped", input, commit: "grouped" });
`;

const tier = `import { defineTier } from "@tendril/core/tier";
import { Grouped, Loose, Once } from "./specs.ts";

const worker = { batchSize: 10, jobsAtOnce: 10, maximumConcurrency: 16 };

export const tier = defineTier({
  name: "bench",
  queues: { loose: { worker }, once: { worker }, grouped: { worker } },
  jobs: [Loose, Once, Grouped],
});
`;

const handlers = (databaseUrlFile: string): string => `import { readFileSync } from "node:fs";
import { handle } from "@tendril/core/handler";
import pg from "pg";
import { Grouped, Loose, Once } from "./specs.ts";

let pool;
const insert = "insert into effects (run, sent_ms) values ($1, $2)";

export const handlers = [
  handle(Loose, async ({ run, sentMs }) => {
    pool ??= new pg.Pool({ connectionString: readFileSync(${JSON.stringify(databaseUrlFile)}, "utf8"), max: 3 });
    await pool.query(insert, [run, sentMs]);
  }),
  handle(Once, async ({ run, sentMs }, job) => {
    await job.sql\`insert into effects (run, sent_ms) values (\${run}, \${sentMs})\`;
  }),
  handle(Grouped, async ({ run, sentMs }, job) => {
    job.write\`insert into effects (run, sent_ms) values (\${run}, \${sentMs})\`;
  }),
];
`;

const effects = `create table effects (
  run text not null,
  sent_ms double precision not null,
  done_ms double precision not null default extract(epoch from clock_timestamp()) * 1000
);
create index on effects (run);
`;
