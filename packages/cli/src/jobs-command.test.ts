import { describe, expect, test } from "vitest";
import { type jobsCommandNames, readJobsCommand } from "./jobs-command.ts";

const nowMs = Date.parse("2026-11-20T12:00:00Z");
const id = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";

const read = (name: (typeof jobsCommandNames)[number], ...words: string[]) => readJobsCommand(name, words, nowMs);

test("jobs are chosen by their options; without any the last 20", () => {
  expect(read("jobs")).toMatchObject({ filter: { state: undefined, sinceMs: undefined }, limit: 20, json: false });
  expect(read("jobs", "--all").name).toBe("jobs");
  const options = ["--state", "dead", "--type", "Note", "--queue", "q", "--since", "2h", "--limit", "7", "--json"];
  expect(read("jobs", ...options)).toMatchObject({
    filter: { state: "dead", type: "Note", queue: "q", sinceMs: nowMs - 7_200_000 },
    limit: 7,
    json: true,
  });
  expect(read("tail", "--since", "10m")).toMatchObject({ name: "tail", filter: { sinceMs: nowMs - 600_000 } });
});

test("what is done to jobs, queues and schedules are words", () => {
  expect(read("job", id.toUpperCase(), "--wait")).toMatchObject({ action: "show", jobId: id, waitMs: 30_000 });
  expect(read("job", "cancel", id)).toMatchObject({ action: "cancel", jobId: id });
  expect(read("queues", "pause", "mail")).toMatchObject({ action: "pause", queue: "mail" });
  expect(read("queues")).toMatchObject({ action: "list" });
  expect(read("schedules", "run", "nightly", "report")).toMatchObject({ action: "run", schedule: "nightly report" });
});

describe("is refused:", () => {
  test.each([
    ["jobs", ["--state", "ended"], "queued, running"],
    ["jobs", ["--limit", "0"], "--limit with a number"],
    ["jobs", ["--limit", "3", "--all"], "one of them"],
    ["jobs", ["--wait"], "--state, --type"],
    ["jobs", [id], "jobs, and options"],
    ["tail", ["--limit", "3"], "--state, --type"],
    ["tail", ["--since", "yesterday"], "--since with a time"],
    ["job", [], "job ID"],
    ["job", ["drop", id], "job cancel ID"],
    ["job", ["cancel", id, "--wait"], "--wait with job ID"],
    ["queues", ["pause"], "queues pause NAME"],
    ["queues", ["--type", "Note"], "no such option"],
    ["schedules", ["run"], "schedules run NAME"],
    ["jobs", ["--token", "t"], "TENDRIL_TOKEN"],
  ] as const)("%s %j", (name, words, reason) => {
    expect(() => read(name, ...words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(reason) }),
    );
  });

  test("an id that is none", () => {
    expect(() => read("job", "7")).toThrow(expect.objectContaining({ code: "job_id_invalid" }));
  });
});
