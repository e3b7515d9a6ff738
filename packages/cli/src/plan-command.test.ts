import { TendrilError } from "@tendril/core/errors";
import { expect, test } from "vitest";
import { readCommand, usage } from "./command-line.ts";

const read = (...words: string[]) => readCommand(["plan", ...words], 0);

test("without options it is of production, for a hundred thousand short jobs a month, with the tier's memory", () => {
  expect(read()).toEqual({
    kind: "plan",
    command: {
      stage: "production",
      jobsPerMonth: 100_000,
      secondsPerJob: 0.2,
      memoryMb: undefined,
      burst: undefined,
      json: false,
    },
  });
});

test("every option is taken", () => {
  expect(
    read("--stage", "my-stage", "--jobs=0", "--seconds", "12.5", "--memory", "1769", "--burst", "1000000", "--json"),
  ).toEqual({
    kind: "plan",
    command: { stage: "my-stage", jobsPerMonth: 0, secondsPerJob: 12.5, memoryMb: 1769, burst: 1_000_000, json: true },
  });
  expect(usage).toContain("--seconds NUMBER");
});

test.each([
  [["--jobs", "many"], "--jobs with a number from 0"],
  [["--jobs", "1e6"], "--jobs with a number from 0"],
  [["--jobs", "-1"], "argument is ambiguous"],
  [["--seconds", "0"], "--seconds with a number above 0"],
  [["--seconds", "901"], "at most 900"],
  [["--burst", "0"], "--burst with a number from 1 to 100000000"],
  [["--memory", "64"], "--memory with a number from 128 to 10240"],
  [["--stage", "my stage"], "--stage with letters, digits and -"],
  [["--colour"], "Unknown option"],
  [["production"], "Unexpected argument"],
])("%j cannot be read", (words, allowed) => {
  const reading = (): unknown => read(...words);
  expect(reading).toThrow(TendrilError);
  expect(reading).toThrow(allowed);
});
