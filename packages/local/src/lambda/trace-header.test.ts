import { expect, test } from "vitest";
import { invocationTrace } from "./trace-header.ts";

const root = "1-5759e988-bd862e3fe1be46a994272793";
const nowMs = 0x6a1b2c3d * 1000 + 999;

test.each([
  [`Root=${root};Parent=53995c3f42cd8ad8;Sampled=1`, 1],
  [`Root=${root};Parent=53995c3f42cd8ad8;Sampled=0`, 0],
  [`Root=${root};Sampled=?`, 0],
  [`Root=${root}`, 0],
  [`Self=1-67891234-12456789abcdef012345678;Root=${root};Sampled=1;Lineage=a:0`, 1],
  [`Root=${root}; Sampled=1`, 1],
])("an invocation goes on with the trace %s", (header, sampled) => {
  const [, parent] = /;Parent=([0-9a-f]{16});/.exec(invocationTrace(header, nowMs)) ?? [];
  expect(invocationTrace(header, nowMs).replace(/Parent=[0-9a-f]+/, "Parent=…")).toBe(
    `Root=${root};Parent=…;Sampled=${sampled}`,
  );
  expect(header).not.toContain(parent);
});

test.each([undefined, "", "Sampled=1", "Root=abc;Sampled=1", `Root=${root}0`, "Root=1-5759e988-xyz"])(
  "with the header %s a trace begins, at the present second, which is not sampled",
  (header) => {
    const begun = /^Root=1-6a1b2c3d-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/;
    expect(invocationTrace(header, nowMs)).toMatch(begun);
    expect(invocationTrace(header, nowMs)).not.toBe(invocationTrace(header, nowMs));
  },
);
