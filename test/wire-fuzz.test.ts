// Bad requests of every kind against `tendril aws`: it lives on and answers as AWS does. The long form is
// scripts/wire-fuzz.ts.
import { BeginTransactionCommand } from "@aws-sdk/client-rds-data";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AwsProcess, startAws, temporaryFolder } from "./support/aws-process.ts";
import { cluster } from "./support/durability/other-loads.ts";
import { randomOf } from "./support/random.ts";
import { attacks, attackWith, countOk } from "./support/wire-fuzz/attacks.ts";
import { fuzz } from "./support/wire-fuzz/fuzz.ts";
import { operations } from "./support/wire-fuzz/operations.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: AwsProcess;

beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ folder: folder.path });
});

afterAll(async () => {
  await aws?.kill();
  await folder?.remove();
});

test("requests for every operation, most of them wrong, are answered with success or AWS's error", async () => {
  const result = await fuzz({ aws, seed: 1, requestsPerRound: 200, goesOn: (round) => round < 2, log: () => {} });
  expect(result.problems).toEqual([]);
  expect(result.rounds).toBe(2);
  expect(result.statuses[200]).toBeGreaterThan(20);
  expect(result.statuses[400]).toBeGreaterThan(100);
  expect(operations).toHaveLength(41);
});

test.each([
  ["too long", "x".repeat(65)],
  ["with a NUL", "a\u0000b"],
  ["that is no text", "\ud800"],
])("a database name %s is refused, and the database asked for nothing", async (_, database) => {
  const call = new BeginTransactionCommand({ ...cluster, database });
  await expect(aws.clients.rdsData.send(call)).rejects.toMatchObject({ name: "ValidationException" });
});

test.each(attacks)("$name: no crash, no status of 500", async (attack) => {
  const { text } = await attackWith(attack, Number(new URL(aws.url).port), randomOf(1));
  expect(text).toMatch(/^(HTTP\/1\.1 [1-4]\d\d |$)/);
  if (attack.answers !== undefined) expect(countOk(text)).toBe(attack.answers);
  const alive = await fetch(aws.url, {
    method: "POST",
    headers: { "x-amz-target": "AmazonSQS.ListQueues" },
    body: "{}",
  });
  expect(alive.status).toBe(200);
  expect(aws.errors()).toBe("");
});
