import { type OutgoingHttpHeaders, validateHeaderName, validateHeaderValue } from "node:http";

/** What the client is sent. */
export interface GatewayResponse {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/**
 * API Gateway's own answers. A function that is throttled or takes too long is "unavailable"; what it answers wrongly, or
 * does not answer at all, is "internal". A body is too large for the API (10 MB) or for the function's payload (6 MB).
 */
export const gatewayErrors = {
  internal: gatewayError(500, "Internal Server Error"),
  unavailable: gatewayError(503, "Service Unavailable"),
  notFound: gatewayError(404, "Not Found"),
  bodyTooLarge: gatewayError(413, "Request Entity Too Large"),
  headTooLarge: gatewayError(431, "Request Header Fields Too Large"),
} as const;

/**
 * Reads a function's answer as payload format 2.0 says: an object with a `statusCode` is the response, any other JSON is
 * the body of a 200. An answer that is neither is an internal server error, as on API Gateway.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function functionResponse(payload: string): GatewayResponse {
  const answer = parse(payload);
  if (answer === undefined) return gatewayErrors.internal;
  if (!isObject(answer) || answer.statusCode === undefined)
    return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(payload) };
  const { cookies = [], body = "", headers = {}, isBase64Encoded = false } = withoutNulls(answer);
  const status = readStatus(answer.statusCode);
  if (status === undefined || typeof body !== "string" || !isCookies(cookies)) return gatewayErrors.internal;
  const ownHeaders = readHeaders(headers);
  if (!ownHeaders) return gatewayErrors.internal;
  return {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      ...ownHeaders,
      ...(cookies.length > 0 ? { "set-cookie": [...cookies] } : {}),
    },
    body: Buffer.from(body, isBase64Encoded === true ? "base64" : "utf8"),
  };
}

function gatewayError(status: number, message: string): GatewayResponse {
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify({ message })) };
}

function readStatus(value: unknown): number | undefined {
  const status = typeof value === "string" ? Number(value) : value;
  return typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599 ? status : undefined;
}

/** Lower-case, without those that belong to the connection; undefined when one is no text or HTTP does not allow it. */
function readHeaders(headers: unknown): Record<string, string> | undefined {
  if (!isObject(headers)) return undefined;
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === "object" || !canBeSent(name, String(value))) return undefined;
    if (!connectionHeaders.has(name.toLowerCase())) read[name.toLowerCase()] = String(value);
  }
  return read;
}

function canBeSent(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

const connectionHeaders = new Set(["connection", "content-length", "keep-alive", "transfer-encoding"]);

const withoutNulls = (value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null));

function parse(payload: string): unknown {
  try {
    const value: unknown = JSON.parse(payload);
    return value;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCookies = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string" && canBeSent("set-cookie", each));
