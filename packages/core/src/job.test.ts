import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { defineJob, parseInput } from "./job.ts";

const Order = defineJob({ type: "Order", input: z.object({ items: z.array(z.object({ count: z.number() })) }) });

test("a job type without options gets the documented defaults", () => {
  expect(Order).toMatchObject({
    type: "Order",
    queue: "jobs",
    timeoutMs: 30_000,
    retry: { attempts: 5, fromMs: 2000, toMs: 900_000 },
  });
});

test.each(["", "1Job", "my job", "Job/../x", "x".repeat(81)])("a job type cannot be named %j", (type) => {
  expect(() => defineJob({ type, input: z.string() })).toThrow(expect.objectContaining({ code: "job_spec_invalid" }));
});

test("a job type commits alone unless it says otherwise, and has nothing to commit in a group without the ledger", () => {
  const input = z.string();
  expect(Order.commit).toBe("alone");
  expect(defineJob({ type: "Note", input, commit: "grouped" })).toMatchObject({
    effects: "exactly-once",
    commit: "grouped",
  });
  expect(() => defineJob({ type: "Note", input, effects: "at-least-once", commit: "grouped" })).toThrow(
    expect.objectContaining({ code: "job_spec_invalid", facts: expect.objectContaining({ where: "Note.commit" }) }),
  );
});

describe("an input", () => {
  test("that fits is what the schema makes of it", async () => {
    const trimmed = defineJob({ type: "Trimmed", input: z.string().trim() });
    expect(await parseInput(trimmed, " a ")).toBe("a");
  });

  test("that does not fit is refused by field, with its kind and never its value", async () => {
    const refused = parseInput(Order, { items: [{ count: 1 }, { count: "a secret" }] });
    await expect(refused).rejects.toMatchObject({
      code: "input_invalid",
      facts: { where: "data.items.1.count", given: "a string", allowed: expect.stringContaining("expected number") },
    });
    await expect(refused).rejects.not.toThrow("a secret");
  });

  test("is waited for when the schema answers late, with whatever it answers like a promise", async () => {
    // A promise of another realm is no Promise here.
    const validate = (): Promise<{ value: string }> => runInNewContext("Promise.resolve({ value: 'late' })");
    const spec = defineJob({ type: "Late", input: { "~standard": { version: 1, vendor: "test", validate } } });
    expect(await parseInput(spec, "early")).toBe("late");
  });

  test("that is missing is nothing", async () => {
    await expect(parseInput(Order, undefined)).rejects.toMatchObject({ facts: { where: "data", given: "nothing" } });
  });
});
