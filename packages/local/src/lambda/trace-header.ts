import { randomBytes } from "node:crypto";

/** The trace that a header names: "1-", eight hexadecimal digits of seconds since 1970, "-", 24 more. */
const rootPattern = /(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})\s*(?:;|$)/i;

/**
 * What a function finds in `_X_AMZN_TRACE_ID`. An invocation belongs to the trace of its caller's header and inherits
 * its sampling decision; without a header, or one without a root, a trace of its own begins, which is not sampled. The
 * parent is Lambda's own segment in any case.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
export function invocationTrace(callerHeader: string | undefined, nowMs: number): string {
  const root = rootPattern.exec(callerHeader ?? "")?.[1];
  const isSampled = root !== undefined && /(?:^|;)\s*Sampled=1\s*(?:;|$)/i.test(callerHeader ?? "");
  return `Root=${root ?? newRoot(nowMs)};Parent=${hex(8)};Sampled=${isSampled ? 1 : 0}`;
}

function newRoot(nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `1-${seconds.toString(16).padStart(8, "0")}-${hex(12)}`;
}

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
