import type { Row } from "../bench.ts";
import { medianOf, ratioOf, spreadOf } from "../statistics.ts";
import { constantBodies, distinctBodies } from "./bodies.ts";
import { cpuMicroseconds, type ServerProcess } from "./child.ts";
import { type BenchQueue, openQueue, receiveAll, sendAll } from "./sqs-load.ts";

const contestantNames = ["null server", "tendril aws", "fauxqs 2.4.1, on disk"] as const;
type ContestantName = (typeof contestantNames)[number];

const measures = [
  { action: "send", concurrency: 1 },
  { action: "receive and delete", concurrency: 1 },
  { action: "send", concurrency: 8 },
  { action: "receive and delete", concurrency: 8 },
] as const;

/** What was measured of one contestant in one way; a value for each round. */
export interface SqsResult {
  readonly contestant: ContestantName;
  readonly action: string;
  readonly concurrency: number;
  readonly messagesPerSecond: number[];
  /** Of the server's process, for each message of all rounds; NaN where the system does not tell. */
  cpuMicrosecondsPerMessage: number;
  /** Of all rounds: messages that were sent but not received, and received but not sent or sent less often. */
  missing: number;
  surplus: number;
}

export interface SqsOptions {
  readonly nullServer: ServerProcess;
  readonly tendril: ServerProcess;
  readonly fauxqs: ServerProcess;
  readonly messages: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

interface Contestant {
  readonly name: ContestantName;
  readonly server: ServerProcess;
  readonly queue: BenchQueue;
}

/** Sends, receives and deletes on each server in turn, round by round. */
export async function measureSqs(options: SqsOptions): Promise<SqsResult[]> {
  const { nullServer, tendril, fauxqs, messages, rounds, progress } = options;
  const contestants = await Promise.all(
    [nullServer, tendril, fauxqs].map(async (server, index): Promise<Contestant> => {
      const name = contestantNames[index] ?? "null server";
      return { name, server, queue: await openQueue(server.url, name !== "null server") };
    }),
  );
  const results = contestants.flatMap(({ name }) =>
    measures.map((measure): SqsResult => {
      const nothing = { messagesPerSecond: [], cpuMicrosecondsPerMessage: 0, missing: 0, surplus: 0 };
      return { contestant: name, ...measure, ...nothing };
    }),
  );
  progress("SQS: warming up");
  const warmUps = Math.min(rounds, 3);
  for (let round = 1; round <= warmUps; round += 1) {
    await runRound({ contestants, results: undefined, messages, round: -round });
  }
  for (let round = 1; round <= rounds; round += 1) {
    if (round % 5 === 1) progress(`SQS: round ${round} of ${rounds}`);
    await runRound({ contestants, results, messages, round });
  }
  for (const { queue } of contestants) queue.client.destroy();
  return results;
}

async function runRound(options: {
  contestants: readonly Contestant[];
  results: readonly SqsResult[] | undefined;
  messages: number;
  round: number;
}): Promise<void> {
  const { contestants, results, messages, round } = options;
  const sent = new Map(contestants.map(({ name }) => [name, bodiesFor(name, messages, round)]));
  for (const { action, concurrency } of measures) {
    for (const { name, server, queue } of contestants) {
      const bodies = sent.get(name) ?? [];
      const cpuBefore = cpuMicroseconds(server.pid);
      const startMs = performance.now();
      const received = action === "send" ? undefined : await receiveAll(queue, messages, concurrency);
      if (action === "send") await sendAll(queue, bodies, concurrency);
      const seconds = (performance.now() - startMs) / 1000;
      const cpu = cpuMicroseconds(server.pid) - cpuBefore;
      const result = results?.find(
        (each) => each.contestant === name && each.action === action && each.concurrency === concurrency,
      );
      if (!result) continue;
      result.messagesPerSecond.push(messages / seconds);
      const before = result.cpuMicrosecondsPerMessage;
      result.cpuMicrosecondsPerMessage += (cpu / messages - before) / result.messagesPerSecond.length;
      if (received) countDifferences(result, bodies, received);
    }
  }
}

function bodiesFor(name: ContestantName, messages: number, round: number): string[] {
  if (name !== "null server") return distinctBodies(messages, `round ${round}`);
  return Array.from({ length: messages }, (_, index) => constantBodies[index % constantBodies.length] ?? "");
}

function countDifferences(result: SqsResult, sent: readonly string[], received: readonly string[]): void {
  const left = new Map<string, number>();
  for (const body of sent) left.set(body, (left.get(body) ?? 0) + 1);
  for (const body of received) left.set(body, (left.get(body) ?? 0) - 1);
  for (const count of left.values()) {
    result.missing += Math.max(0, count);
    result.surplus += Math.max(0, -count);
  }
}

/** Messages a second and the server's time for each, beside the server of constants and fauxqs. */
export function sqsRows(results: readonly SqsResult[]): Row[] {
  const [floor, , peer] = contestantNames;
  const rowsOf = (what: string, unit: string, valuesOf: (result: SqsResult) => readonly number[]): Row[] =>
    measures.flatMap(({ action, concurrency }) => {
      const found = results.filter((each) => each.action === action && each.concurrency === concurrency);
      const of = (name: ContestantName): readonly number[] =>
        found.filter(({ contestant }) => contestant === name).flatMap(valuesOf);
      return contestantNames.map(
        (name): Row => ({
          figure: `SQS: ${what}${action}, ${concurrency} at a time: ${name}`,
          value: medianOf(of(name)),
          unit,
          ...(of(name).length > 1 ? { spread: spreadOf(of(name)) } : {}),
          ratios: [floor, peer].filter((to) => to !== name).map((to) => ({ to, ratio: ratioOf(of(name), of(to)) })),
        }),
      );
    });
  return [
    ...rowsOf("", "messages/s", ({ messagesPerSecond }) => messagesPerSecond),
    ...rowsOf("server's processor, ", "µs/message", ({ cpuMicrosecondsPerMessage }) => [cpuMicrosecondsPerMessage]),
  ];
}

/** Each message must have come once: none is missing, none came twice. */
export function lossRow(results: readonly SqsResult[]): Row {
  const ours = results.filter(({ contestant }) => contestant === "tendril aws");
  const value = ours.reduce((sum, { missing, surplus }) => sum + missing + surplus, 0);
  return { figure: "SQS: messages that were lost or came twice: tendril aws", value, unit: "messages", atMost: 0 };
}
