// Measures `tendril dev` on a copy of the app: seconds to ready (first and later start), memory of all its processes,
// jobs per second end to end, and what is in the table after kill -9 in the middle of 1,000 jobs.
// node scripts/measure.ts [KILLS]: KILLS is how often to kill, default 5.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { type DevTier, startDev } from "../test/support/dev-tier.ts";
import { descendants } from "../test/support/processes.ts";
import { copyProject } from "../test/support/project.ts";
import { waitUntil } from "../test/support/wait-until.ts";

const kills = Number(process.argv[2] ?? 5);
const project = await copyProject();

const timed = async (flags: readonly string[] = []): Promise<[DevTier, string]> => {
  const startMs = performance.now();
  const dev = await startDev(project.root, flags);
  return [dev, `${((performance.now() - startMs) / 1000).toFixed(1)} s`];
};

const [fresh, first] = await timed();
await fresh.stop();
const [again, later] = await timed();
let dev = again;
console.log(`to ready: first start ${first}, later start ${later}`);
console.log(`memory, idle: ${memory(dev)}`);

const sentMs = performance.now();
await send(5000, "measured");
const enqueuedMs = performance.now();
await done(5000, "measured");
const seconds = (performance.now() - sentMs) / 1000;
console.log(
  `5,000 IncrementJobs: sent in ${((enqueuedMs - sentMs) / 1000).toFixed(1)} s, all done after ${seconds.toFixed(1)} s: ${(5000 / seconds).toFixed(0)} jobs/s`,
);
console.log(`memory, after them: ${memory(dev)}`);

for (let kill = 1; kill <= kills; kill += 1) {
  await send(1000, `kill ${kill}`);
  await waitUntil("some jobs", 60_000, async () =>
    (await rows(`kill ${kill}`)) > (kill * 170) % 900 ? true : undefined,
  );
  dev.process.kill("SIGKILL");
  const [restarted, took] = await timed();
  dev = restarted;
  const before = await rows(`kill ${kill}`);
  await done(1000, `kill ${kill}`);
  const [doubled] = await dev.query(
    `select count(*)::int as jobs from (select 1 from job_server_data where data like 'kill ${kill} %' group by data having count(*) > 1) as twice`,
  );
  console.log(
    `kill ${kill}: ${before} of 1,000 done at the restart (ready in ${took}), ${await rows(`kill ${kill}`)} rows at the end, ${doubled?.jobs} jobs twice`,
  );
}

await dev.stop();
await project.remove();

async function send(jobs: number, name: string): Promise<void> {
  const batches = Array.from({ length: jobs / 10 }, (_, batch) => batch * 10);
  const sendNext = async (): Promise<void> => {
    for (let start = batches.shift(); start !== undefined; start = batches.shift()) {
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ job_type: "IncrementJob", data: `${name} ${Number(start) + index}` }),
      }));
      await dev.sqs.send(new SendMessageBatchCommand({ QueueUrl: `${dev.awsUrl}/000000000000/jobs`, Entries }));
    }
  };
  await Promise.all([sendNext(), sendNext(), sendNext(), sendNext()]);
}

async function rows(name: string): Promise<number> {
  const [row] = await dev.query(`select count(*)::int as rows from job_server_data where data like '${name} %'`);
  return Number(row?.rows);
}

function done(jobs: number, name: string): Promise<true> {
  return waitUntil(`${jobs} jobs`, 600_000, async () => ((await rows(name)) >= jobs ? true : undefined));
}

/** Proportional set sizes (shared pages counted once) where the system tells them, else resident set sizes. */
function memory({ process: { pid = 0 } }: DevTier): string {
  const pids = [pid, ...descendants(pid)];
  const kilobytes = pids.map((each) => {
    try {
      return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, "utf8"))?.[1]);
    } catch {
      return Number(execFileSync("ps", ["-o", "rss=", "-p", String(each)], { encoding: "utf8" }));
    }
  });
  const total = kilobytes.reduce((sum, each) => sum + each, 0);
  return `${(total / 1024).toFixed(0)} MB in ${pids.length} processes`;
}
