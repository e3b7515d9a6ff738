import { describe, expect, test } from "vitest";
import { readDeadCommand } from "./dead-command.ts";

const nowMs = Date.parse("2026-11-20T12:00:00Z");
const id = "01980F3A-7C2E-7CC1-9D4B-3F0D2B1C8E77";

const read = (...words: string[]) => readDeadCommand(words, nowMs);

test("without more, the letters of the tier that runs here are listed", () => {
  expect(read("list")).toMatchObject({ name: "list", json: false, at: { kind: "local", awsPort: 4748 } });
});

test("a choice is read from its options", () => {
  const words = [
    "--queue",
    "jobs",
    "--type",
    "Mail",
    "--error",
    "no",
    "--older",
    "2h",
    "--newer",
    "1d",
    "--limit",
    "7",
  ];
  expect(read("redrive", id, "--job", "x", ...words, "--yes")).toMatchObject({
    name: "redrive",
    yes: true,
    filter: {
      queue: "jobs",
      type: "Mail",
      error: "no",
      diedBeforeMs: nowMs - 7_200_000,
      diedAfterMs: nowMs - 86_400_000,
      jobIds: [id.toLowerCase(), "x"],
      limit: 7,
    },
  });
});

test("queues on AWS are named by their URLs, and the ledger by its address", () => {
  const urls = ["https://sqs.eu-central-1.amazonaws.com/1/a", "https://sqs.eu-central-1.amazonaws.com/1/b"];
  const ledger = ["--cluster-arn", "c", "--secret-arn", "s", "--database", "d"];
  expect(read("show", id, ...urls.flatMap((url) => ["--queue-url", url]), ...ledger)).toMatchObject({
    jobId: id.toLowerCase(),
    at: { kind: "aws", queueUrls: urls },
    database: { clusterArn: "c", secretArn: "s", database: "d" },
  });
});

describe("is refused:", () => {
  test.each([
    [[], "one of list"],
    [["lst"], "one of list"],
    [["list", id], "one of list"],
    [["show"], "one of list"],
    [["show", id, id], "one of list"],
    [["redrive"], "or --all"],
    [["drop", "--yes"], "or --all"],
    [["drop", "--all", "--type", "Mail"], "or --all"],
    [["drop", "--all", id], "or --all"],
    [["list", "--older", "2 hours"], "--older with a number"],
    [["list", "--newer", "-1d"], "--newer"],
    [["list", "--limit", "0"], "--limit with a number"],
    [["list", "--wat"], "--wat"],
    [["list", "--endpoint-url", "http://127.0.0.1:1"], "with --queue-url"],
    [["list", "--queue-url", "jobs"], "a URL"],
    [["list", "--queue-url", "http://x/1/q", "--aws-port", "1"], "one of them"],
    [["show", id, "--database", "d"], "--cluster-arn, --secret-arn and --database"],
  ])("%j", (words, reason) => {
    expect(() => read(...words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(reason) }),
    );
  });
});
