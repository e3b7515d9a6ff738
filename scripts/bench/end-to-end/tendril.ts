import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SQSClient } from "@aws-sdk/client-sqs";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createClient } from "@tendril/client/client";
import { defineJob } from "@tendril/core/job";
import { z } from "zod";
import { startChild } from "./child.ts";
import type { copyJobsProject } from "./jobs-project.ts";
import type { Lane } from "./lane.ts";

const input = z.object({ run: z.string(), sentMs: z.number() });
const ways = [
  ["at-least-once", defineJob({ type: "Loose", queue: "loose", input, effects: "at-least-once" })],
  ["exactly-once", defineJob({ type: "Once", queue: "once", input })],
  ["grouped", defineJob({ type: "Grouped", queue: "grouped", input, commit: "grouped" })],
] as const;

const clientConfig = z.object({
  endpoint: z.string(),
  region: z.string(),
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
});
const readiness = z.object({
  clientConfig,
  postgres: z.object({ url: z.string() }),
  queues: z.array(z.object({ name: z.string(), url: z.string(), deadLetterUrl: z.string() })),
});

/** A local tier with so many environments a worker, at work. */
export interface RunningTier {
  readonly environments: number;
  readonly endpoint: string;
  readonly databaseUrl: string;
  /** The three ways, through the client over SQS. */
  readonly lanes: readonly Lane[];
  /** Begin, insert, commit, with no queue: the Data API alone, by as many processes. Resolves to transactions per second. */
  bare(count: number): Promise<number>;
  close(): Promise<void>;
}

/** Starts the local tier of a project, in a process of its own. */
export async function startTier(
  project: Awaited<ReturnType<typeof copyJobsProject>>,
  environments: number,
  nodeFlags: readonly string[] = [],
): Promise<RunningTier> {
  const state = join(project.root, `state-${environments}`);
  const child = await startChild(
    join(import.meta.dirname, "tier.ts"),
    [project.root, state, String(environments)],
    nodeFlags,
  );
  const { clientConfig: config, postgres, queues } = readiness.parse(child.ready);
  await writeFile(project.databaseUrlFile, postgres.url);
  // As the tier's own functions send: the digests are for corruption that TCP and TLS would have noticed.
  const sqs = leanClient(new SQSClient({ ...config, md5: false }));
  const links = Object.fromEntries(queues.map(({ name, ...link }) => [name.replace(/^bench-/, ""), link]));
  const client = createClient({ sqs, queues: links });
  const database = new URL(postgres.url).pathname.slice(1);
  const bares = await Promise.all(
    Array.from({ length: environments }, () =>
      startChild(join(import.meta.dirname, "bare.ts"), [config.endpoint, database]),
    ),
  );
  return {
    environments,
    endpoint: config.endpoint,
    databaseUrl: postgres.url,
    lanes: ways.map(([name, spec]) => ({
      name,
      async send(jobs) {
        for (const result of await client.enqueueAll(spec, jobs)) if (result.kind === "refused") throw result.error;
      },
      close: async () => {},
    })),
    async bare(count) {
      const startedMs = performance.now();
      for (const bare of bares) bare.say(`bare-${startedMs} ${Math.ceil(count / environments)}`);
      await Promise.all(bares.map((bare) => bare.next()));
      return (1000 * count) / (performance.now() - startedMs);
    },
    async close() {
      sqs.destroy();
      for (const bare of bares) await bare.end();
      await child.end();
    },
  };
}
