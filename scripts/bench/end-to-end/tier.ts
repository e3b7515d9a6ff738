// The local tier of a project, without `tendril dev`'s lines. node tier.ts ROOT STATE_DIR ENVIRONMENTS; ends with its parent.
import { openProject, planProject } from "@tendril/cli/project";
import { systemClock } from "@tendril/local/clock";
import { startLocalTier } from "@tendril/local/local-tier";

const [root = "", stateDir = "", environments = "1"] = process.argv.slice(2);
const plan = await planProject(await openProject(root));
const tier = await startLocalTier({
  plan,
  clock: systemClock(),
  root,
  stateDir,
  ports: { api: 0, aws: 0, postgres: 0 },
  environmentsAtOnce: Number(environments),
  onProgress: () => {},
  onLog: ({ text }) => {
    if (process.env.BENCH_LOGS) process.stderr.write(`${text}\n`);
  },
  onInitError: (error) => console.error(error),
  onLostBatch: (batch) => console.error(batch),
  onReload: () => {},
  onSent: () => {},
});
process.stdin.resume().on("end", async () => {
  await tier.stop();
  process.exit();
});
const { url, postgres, clientConfig } = tier.aws;
console.log(JSON.stringify({ url, postgres, clientConfig, queues: tier.queues }));
