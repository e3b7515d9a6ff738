import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { expect, test } from "vitest";
import { requireHandlers } from "./require-handlers.ts";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const Mail = defineJob({ type: "Mail", input });
const Sms = defineJob({ type: "Sms", input });
const Report = defineJob({ type: "Report", input, queue: "slow" });
const run = async (): Promise<void> => {};

test("refuses a queue whose job types lack handlers, naming all of them", () => {
  expect(() => requireHandlers("jobs", [Mail, Sms, Report], [])).toThrow(
    expect.objectContaining({
      code: "handler_missing",
      facts: expect.objectContaining({ given: "no handler of Mail, Sms" }),
    }),
  );
});

test("does not ask for the handlers of another queue's job types", () => {
  expect(requireHandlers("slow", [Mail, Sms, Report], [handle(Report, run)])).toHaveLength(1);
});

test("hands on the handlers of other queues too, for messages that were sent before a job type moved", () => {
  const handlers = [handle(Mail, run), handle(Report, run)];
  expect(requireHandlers("slow", [Mail, Report], handlers)).toEqual(handlers);
});
