import { expect, test } from "vitest";
import { requestTrace } from "./request-trace.ts";

const root = "1-5759e988-bd862e3fe1be46a994272793";
const nowMs = 0x6a1b2c3d * 1000 + 999;

test.each([
  `Root=${root}`,
  `Self=1-67891234-12456789abcdef012345678;Root=${root};Sampled=1`,
  `Root=${root};Parent=53995c3f42cd8ad8;Sampled=1;Extra=kept`,
])("a request keeps the header %s", (header) => {
  expect(requestTrace(header, nowMs)).toBe(header);
});

test.each([undefined, "", "Sampled=1", "Root=abc;Sampled=1", `Root=${root}0`])(
  "a request with the header %s has a new trace, of the present second",
  (header) => {
    expect(requestTrace(header, nowMs)).toMatch(/^Root=1-6a1b2c3d-[0-9a-f]{24}$/);
    expect(requestTrace(header, nowMs)).not.toBe(requestTrace(header, nowMs));
  },
);
