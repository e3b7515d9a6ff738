import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { repositoryRoot } from "./support/project.ts";

const contestants = ["null server", "tendril aws", "fauxqs 2.4.1, on disk"];
const layers = ["pg, directly", "the Data API over raw HTTP", "the Data API through the SDK"];

interface Report {
  readonly sqs: readonly {
    readonly contestant: string;
    readonly action: string;
    readonly concurrency: number;
    readonly messagesPerSecond: readonly number[];
    readonly missing: number;
    readonly surplus: number;
  }[];
}

test("the benchmark of the local AWS fills every row, and each server gives every message exactly once", async () => {
  const file = path.join(tmpdir(), `bench-aws-${process.pid}.json`);
  const words = ["--messages", "60", "--rounds", "2", "--statements", "5", "--idle", "1", "--json", file];
  const script = path.join(repositoryRoot, "scripts/bench-aws.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...words]);
  const report: Report = JSON.parse(await readFile(file, "utf8"));
  await rm(file);

  const measured = report.sqs.map(({ contestant, action, concurrency }) => `${contestant}: ${action}, ${concurrency}`);
  const measures = ["send, 1", "receive and delete, 1", "send, 8", "receive and delete, 8"];
  expect(measured).toEqual(contestants.flatMap((name) => measures.map((measure) => `${name}: ${measure}`)));
  for (const { messagesPerSecond, missing, surplus } of report.sqs) {
    expect(messagesPerSecond).toHaveLength(2);
    expect({ missing, surplus }).toEqual({ missing: 0, surplus: 0 });
  }
  for (const row of contestants) expect(rowsOf(stdout, row)).toHaveLength(4);
  for (const row of layers) expect(rowsOf(stdout, row)).toHaveLength(6);
  expect(stdout).toMatch(/^Memory of tendril aws, idle: .+$/m);
}, 120_000);

/** The rows of the tables that begin with a name, each with all of its numbers. */
function rowsOf(output: string, name: string): string[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith(`  ${name} `))
    .filter((line) => /^( +[\d,.]+){3} +\d+ % +(-|-?[\d,.]+( µs)?)$/.test(line.slice(name.length + 2)));
}
