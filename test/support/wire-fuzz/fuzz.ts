import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { connect } from "node:net";
import { ExecuteStatementCommand, RollbackTransactionCommand } from "@aws-sdk/client-rds-data";
import { GetScheduleCommand } from "@aws-sdk/client-scheduler";
import { CreateQueueCommand, DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import type { AwsProcess } from "../aws-process.ts";
import { cluster } from "../durability/other-loads.ts";
import { type Random, randomOf } from "../random.ts";
import { attacks, attackWith, countOk } from "./attacks.ts";
import { fuzzedRequest } from "./fuzzed-request.ts";
import { prepare } from "./known.ts";

export interface FuzzOptions {
  readonly aws: AwsProcess;
  readonly seed: number;
  /** Requests of one round, after which the server is looked at. */
  readonly requestsPerRound: number;
  /** Asked before each round. */
  readonly goesOn: (round: number) => boolean;
  readonly log: (line: string) => void;
}

export interface FuzzResult {
  /** What the server must not do; the fuzzing ends with the round that found it. */
  readonly problems: readonly string[];
  readonly requests: number;
  readonly rounds: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Operations that were answered with 200 at least once. */
  readonly succeeded: ReadonlySet<string>;
  readonly largestMemoryBytes: number;
}

/** Memory that the process may take, in bytes. */
const mostMemoryBytes = 700 * 1024 * 1024;

/** Connections that send half of a request and then nothing, for as long as the fuzzing lasts. */
const sleepers = 100;

/** Sends bad requests of every kind, and looks after each round whether the server is alive and right. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { aws, log } = options;
  const random = randomOf(options.seed);
  const problems: string[] = [];
  const statuses: Record<string, number> = {};
  const succeeded = new Set<string>();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const sleeping = Array.from({ length: sleepers }, () => sleep(aws.url));
  let [requests, round, largestMemoryBytes] = [0, 0, 0];
  for (; problems.length === 0 && options.goesOn(round); round++) {
    const known = await prepare(aws, round);
    const work = async (): Promise<void> => {
      for (let count = 0; count < options.requestsPerRound / 8 && problems.length < 20; count++) {
        requests++;
        if (random.chance(0.04)) await rawRequest(aws, random, problems);
        else await fuzzedRequest({ url: aws.url, known, random, agent, problems, statuses, succeeded });
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    await aws.clients.rdsData
      .send(new RollbackTransactionCommand({ ...cluster, transactionId: String(known.transactionId) }))
      .catch(() => {});
    largestMemoryBytes = Math.max(largestMemoryBytes, memoryOf(aws.process.pid ?? 0));
    await lookAt(aws, largestMemoryBytes, problems);
    log(`round ${round + 1}: ${requests} requests, ${JSON.stringify(statuses)}, ${mib(largestMemoryBytes)} at most`);
  }
  for (const socket of sleeping) socket.destroy();
  agent.destroy();
  return { problems, requests, rounds: round, statuses, succeeded, largestMemoryBytes };
}

async function rawRequest(aws: AwsProcess, random: Random, problems: string[]): Promise<void> {
  const attack = random.pick(attacks);
  const { text } = await attackWith(attack, Number(new URL(aws.url).port), random);
  const [, status = ""] = /^HTTP\/1\.1 (\d+) /.exec(text) ?? [];
  if (text !== "" && status === "") problems.push(`${attack.name}: answered ${JSON.stringify(text.slice(0, 200))}`);
  if (/HTTP\/1\.1 5\d\d /.test(text)) problems.push(`${attack.name}: ${text.slice(0, 300)}`);
  if (attack.answers !== undefined && countOk(text) !== attack.answers) {
    problems.push(`${attack.name}: ${countOk(text)} answers instead of ${attack.answers}: ${text.slice(0, 300)}`);
  }
}

/** Whether the server answers right requests, has said nothing on standard error, and keeps its memory bounded. */
async function lookAt(
  { clients, process, errors, output }: AwsProcess,
  memoryBytes: number,
  problems: string[],
): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) {
    problems.push(`it has ended:\n${output().slice(-3000)}`);
    return;
  }
  if (errors() !== "") problems.push(`it wrote on standard error:\n${errors().slice(0, 3000)}`);
  if (memoryBytes > mostMemoryBytes) problems.push(`it takes ${mib(memoryBytes)} of memory`);
  try {
    const { sqs, scheduler, rdsData } = clients;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `alive-${randomUUID()}` }));
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "alive" }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
    if (Messages?.[0]?.Body !== "alive") problems.push("a message that was sent is not received");
    await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    await scheduler.send(new GetScheduleCommand({ Name: "never" })).catch((error: Error) => {
      if (error.name !== "ResourceNotFoundException") throw error;
    });
    const { records } = await rdsData.send(new ExecuteStatementCommand({ ...cluster, sql: "select 1" }));
    if (records?.[0]?.[0]?.longValue !== 1) problems.push("a statement is not answered");
  } catch (error) {
    problems.push(`a right call fails: ${error}`);
  }
}

/** A caller that sends half of its headers and then nothing. */
function sleep(url: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write("POST / HTTP/1.1\r\nhost: a\r\nx-amz-tar");
  return socket;
}

/** The resident set size of a process. */
function memoryOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
  } catch {
    return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
  }
}

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
