import { longestMessageBytes } from "@tendril/core/message";
import fc from "fast-check";
import { expect, test } from "vitest";
import { largestBatch, packBatches } from "./pack-batches.ts";

const messages = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: longestMessageBytes }) }), { maxLength: 60 });
const sum = (batch: readonly { bytes: number }[]): number => batch.reduce((total, { bytes }) => total + bytes, 0);

test("every message is in one batch, in order, and every batch is one that SQS takes", () => {
  fc.assert(
    fc.property(messages, (given) => {
      const batches = packBatches(given);
      expect(batches.flat()).toEqual(given);
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(largestBatch);
        expect(sum(batch)).toBeLessThanOrEqual(longestMessageBytes);
      }
    }),
  );
});

test("no batch is cut before it is full", () => {
  fc.assert(
    fc.property(messages, (given) => {
      const batches = packBatches(given);
      for (const [index, batch] of batches.slice(0, -1).entries()) {
        const next = batches[index + 1]?.[0]?.bytes ?? 0;
        expect(batch.length === largestBatch || sum(batch) + next > longestMessageBytes).toBe(true);
      }
    }),
  );
});
