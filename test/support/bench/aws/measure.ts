import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startAws, temporaryFolder } from "../../aws-process.ts";
import type { BenchReport, Row } from "../bench.ts";
import { batchSize, bodyBytes } from "./bodies.ts";
import { type ServerProcess, startServer } from "./child.ts";
import { type DataApiResult, dataApiRows, measureDataApi } from "./data-api.ts";
import { idleMemory, type Memory } from "./memory.ts";
import { lossRow, measureSqs, type SqsResult, sqsRows } from "./sqs.ts";

export interface AwsOptions {
  /** Sent, received and deleted on each server in each round, in batches of ten. */
  readonly messages: number;
  /** Many short rounds: what else the machine does then falls on all of them. */
  readonly rounds: number;
  /** Run through each layer of the Data API in each round. */
  readonly statements: number;
  /** Before memory is looked at. */
  readonly idleSeconds: number;
  readonly progress: (line: string) => void;
}

/** What the figures are made of. */
export interface AwsFound {
  readonly memory: Readonly<Record<Server, Memory | undefined>>;
  readonly sqs: readonly SqsResult[];
  readonly dataApi: readonly DataApiResult[];
}

type Server = "null server" | "tendril aws" | "fauxqs 2.4.1, on disk";

/** Measures `tendril aws` through the SDK's clients, beside other servers and beside its own PostgreSQL. */
export async function measureAws(options: AwsOptions): Promise<BenchReport & { readonly found: AwsFound }> {
  const { messages, rounds, statements } = options;
  const folder = await temporaryFolder();
  const preload = pathToFileURL(join(import.meta.dirname, "ends-with-parent.ts"));
  const aws = await startAws({ folder: folder.path, shell: `NODE_OPTIONS="--import ${preload}" exec "$@"` });
  const nullServer = await startServer("null-server.ts");
  const fauxqs = await startServer("fauxqs-server.ts", ["loopback-only.ts"]);
  try {
    const { pid = 0 } = aws.process;
    const servers = { nullServer, tendril: { pid, url: aws.url }, fauxqs };
    const memory = await measureMemory(servers, options);
    const sqs = await measureSqs({ ...servers, ...options });
    const dataApi = await measureDataApi({ url: aws.url, databaseUrl: aws.databaseUrl, times: statements, ...options });
    const rows = [...sqsRows(sqs), ...dataApiRows(dataApi), ...memoryRows(memory), lossRow(sqs)];
    const notes = [
      `SQS: batches of ${batchSize}, bodies of ${bodyBytes} bytes, ${rounds} rounds of ${messages} messages, kept on disk. The null server answers\nconstants: what the SDK's client itself reaches. Data API: ${rounds} rounds of ${statements} times; each layer's time beside the one below\nit is what it costs. Memory: each is a process that has been idle; pages that are shared count once.`,
    ];
    return { rows, notes, found: { memory, sqs, dataApi } };
  } finally {
    await Promise.all([nullServer.stop(), fauxqs.stop(), aws.stop()]);
    await folder.remove();
  }
}

async function measureMemory(
  { nullServer, tendril, fauxqs }: Readonly<Record<"nullServer" | "tendril" | "fauxqs", ServerProcess>>,
  { idleSeconds, progress }: AwsOptions,
): Promise<AwsFound["memory"]> {
  progress(`memory: idle for ${idleSeconds} seconds`);
  const [floor, ours, peer] = await Promise.all(
    [nullServer, tendril, fauxqs].map(({ pid }) => idleMemory(pid, idleSeconds)),
  );
  return { "null server": floor, "tendril aws": ours, "fauxqs 2.4.1, on disk": peer };
}

function memoryRows(memory: AwsFound["memory"]): Row[] {
  const all = (server: Server): number => {
    const { ownMegabytes = Number.NaN, othersMegabytes = Number.NaN } = memory[server] ?? {};
    return ownMegabytes + othersMegabytes;
  };
  const row = (server: string, value: number, to: readonly Server[]): Row => ({
    figure: `memory, idle: ${server}`,
    value,
    unit: "MB",
    ratios: to.map((other) => ({ to: other, ratio: value / all(other) })),
  });
  const [floor, peer] = ["null server", "fauxqs 2.4.1, on disk"] as const;
  return [
    row(floor, all(floor), []),
    row("tendril aws, its endpoints", memory["tendril aws"]?.ownMegabytes ?? Number.NaN, [floor, peer]),
    row("tendril aws, with PostgreSQL", all("tendril aws"), [floor, peer]),
    row(peer, all(peer), [floor]),
  ];
}
