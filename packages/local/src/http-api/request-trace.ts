import { randomBytes } from "node:crypto";

const withRoot = /(?:^|;)\s*Root=1-[0-9a-f]{8}-[0-9a-f]{24}\s*(?:;|$)/i;

/**
 * The `X-Amzn-Trace-Id` of a request behind the gateway: as its caller sent it when it names a trace, else that of a new
 * one: "Root=1-", eight hexadecimal digits of seconds since 1970, "-", 24 more.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
export function requestTrace(callerHeader: string | undefined, nowMs: number): string {
  if (callerHeader !== undefined && withRoot.test(callerHeader)) return callerHeader;
  const seconds = Math.floor(nowMs / 1000);
  return `Root=1-${seconds.toString(16).padStart(8, "0")}-${randomBytes(12).toString("hex")}`;
}
