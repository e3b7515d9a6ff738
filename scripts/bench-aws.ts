// Measures `tendril aws` through the SDK's clients.
// SQS, with its messages on disk, beside a server that answers constants (the SDK's own ceiling) and fauxqs on disk.
// node scripts/bench-aws.ts [--messages N] [--rounds R] [--statements N] [--idle SECONDS] [--json FILE]
// N messages (1000) are sent, received and deleted in batches of 10 on each server, in each of R rounds (25): many short
// rounds, because what else the machine does then falls on all of them.
// The Data API, beside pg on the same PostgreSQL: N statements (100) through each layer, in each round.
// Its memory when it is idle.
import { writeFile } from "node:fs/promises";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type AwsProcess, startAws, temporaryFolder } from "../test/support/aws-process.ts";
import { batchSize, bodyBytes } from "./bench-aws/bodies.ts";
import { dataApiTable, measureDataApi } from "./bench-aws/data-api.ts";
import { idleMemory, memoryText } from "./bench-aws/memory.ts";
import { measureSqs, sqsTable } from "./bench-aws/sqs.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000" },
    rounds: { type: "string", default: "25" },
    statements: { type: "string", default: "100" },
    idle: { type: "string", default: "10" },
    json: { type: "string" },
  },
});
const messages = wholeNumber(values.messages);
const rounds = wholeNumber(values.rounds);
const statements = wholeNumber(values.statements);
const progress = (line: string): void => console.log(line);

const where = machine();
console.log(where);
const folder = await temporaryFolder();
const preload = pathToFileURL(join(import.meta.dirname, "bench-aws/ends-with-parent.ts"));
const aws = await startAws({ folder: folder.path, shell: `NODE_OPTIONS="--import ${preload}" exec "$@"` });
try {
  const found = await measure(aws);
  console.log(report(found));
  if (values.json) await writeFile(values.json, JSON.stringify({ machine: where, ...found }, undefined, 2));
} finally {
  await aws.stop();
  await folder.remove();
}

async function measure({ process: { pid = 0 }, url, databaseUrl }: AwsProcess) {
  const idleSeconds = wholeNumber(values.idle);
  progress(`memory: tendril aws, idle for ${idleSeconds} seconds`);
  const memory = await idleMemory(pid, idleSeconds);
  const sqs = await measureSqs({ tendril: { pid, url }, messages, rounds, progress });
  const dataApi = await measureDataApi({ url, databaseUrl, times: statements, rounds, progress });
  return { memory, sqs, dataApi };
}

function report({ memory, sqs, dataApi }: Awaited<ReturnType<typeof measure>>): string {
  return `
SQS: batches of ${batchSize}, bodies of ${bodyBytes} bytes, ${rounds} rounds of ${messages} messages

${sqsTable(sqs)}

Data API: ${rounds} rounds of ${statements} times each

${dataApiTable(dataApi)}

Memory of tendril aws, idle: ${memoryText(memory)}`;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`Not a whole number above 0: ${text}`);
  return number;
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const system = `${process.platform} ${release()} ${arch()}`;
  return `${cpus().length} cores of ${model}, ${memory}, ${system}, Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} before`;
}
