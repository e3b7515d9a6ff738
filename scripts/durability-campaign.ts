// Kills `tendril aws` with SIGKILL under load again and again, and compares what is there after each start with what
// clients were told: sends, deletions, visibility, schedules, queues, rows. Ends with 1 at the first lie.
//
//   node scripts/durability-campaign.ts [KILLS] [--seed N]
import { parseArgs } from "node:util";
import { startAws, temporaryFolder } from "../test/support/aws-process.ts";
import { runCampaign, steadyLoad } from "../test/support/durability/campaign.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const [kills, seed] = [Number(positionals[0] ?? 60), Number(values.seed)];
const startedMs = Date.now();
console.log(`${kills} kills, seed ${seed}`);

const folder = await temporaryFolder();
const result = await runCampaign({
  folder: folder.path,
  kills,
  seed,
  loadMs: [150, 3000],
  killedStarts: 0.2,
  log: (line) => console.log(line),
});
const { lies, journalBytes, ...counts } = result;
console.log(
  `${((Date.now() - startedMs) / 60_000).toFixed(1)} min: ${counts.messages} messages, ${counts.schedules} schedules, ` +
    `${counts.queues} queues, ${counts.rows} rows; ${counts.killedStarts} starts killed too; ` +
    `${counts.forgottenReceives} receives forgotten; largest journals: SQS ${mib(journalBytes.sqs)}, Scheduler ${mib(journalBytes.scheduler)}`,
);
if (lies.length > 0) {
  console.error(
    `${lies.length} lies with seed ${seed}; state kept in ${folder.path}:\n${lies.slice(0, 50).join("\n")}`,
  );
  process.exit(1);
}

const aws = await startAws({ folder: folder.path });
const messages = 40_000;
const largest = await steadyLoad({ aws, folder: folder.path, messages, bodyBytes: 1024 });
await aws.kill();
await folder.remove();
console.log(`${messages} messages of 1 KiB sent, received and deleted: the journal was ${mib(largest)} at most`);
const allowed = 3 * journalBytes.sqs + 6 * 1024 * 1024;
if (largest > allowed) {
  console.error(`that is more than ${mib(allowed)}: it grows without bound`);
  process.exit(1);
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
