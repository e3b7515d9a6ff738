import type { IncomingMessage } from "node:http";
import { decodePath, type MatchedRoute } from "./routes.ts";

/** What API Gateway knows besides the request. */
export interface GatewayFacts {
  readonly accountId: string;
  readonly apiId: string;
  readonly requestId: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly route: MatchedRoute;
  /** The request's `X-Amzn-Trace-Id`. */
  readonly traceHeader: string;
}

/**
 * A request as API Gateway hands it to a function: payload format 2.0, the `$default` stage.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function requestEvent(request: IncomingMessage, body: Buffer, facts: GatewayFacts): object {
  const [encodedPath = "/", ...query] = (request.url ?? "/").split("?");
  const rawQueryString = query.join("?");
  // API Gateway decodes the path and leaves the query string as it was sent.
  const rawPath = decodePath(encodedPath);
  const headers = eventHeaders(request, body, facts.traceHeader);
  const cookies = readCookies(request);
  const domainName = request.headers.host ?? "localhost";
  return {
    version: "2.0",
    routeKey: facts.route.routeKey,
    rawPath,
    rawQueryString,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers,
    ...(rawQueryString === ""
      ? {}
      : { queryStringParameters: joinDuplicates([...new URLSearchParams(rawQueryString)]) }),
    ...(Object.keys(facts.route.pathParameters).length > 0 ? { pathParameters: facts.route.pathParameters } : {}),
    requestContext: {
      accountId: facts.accountId,
      apiId: facts.apiId,
      domainName,
      domainPrefix: domainName.split(/[.:]/)[0],
      http: {
        method: request.method,
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? "127.0.0.1",
        userAgent: request.headers["user-agent"] ?? "",
      },
      requestId: facts.requestId,
      routeKey: facts.route.routeKey,
      stage: "$default",
      time: commonLogTime(facts.timeMs),
      timeEpoch: facts.timeMs,
    },
    ...eventBody(body, request.headers),
  };
}

/** Lower-case names, values of one name joined by commas; without cookies, which stand on their own. */
function eventHeaders(request: IncomingMessage, body: Buffer, traceHeader: string): Record<string, string> {
  const sent: [string, string][] = [];
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? "").toLowerCase();
    if (!droppedHeaders.has(name)) sent.push([name, request.rawHeaders[index + 1] ?? ""]);
  }
  const peer = request.socket.remoteAddress ?? "127.0.0.1";
  const forwardedFor = sent.filter(([name]) => name === "x-forwarded-for").map(([, value]) => value);
  return {
    ...joinDuplicates(sent),
    "content-length": String(body.length),
    "x-amzn-trace-id": traceHeader,
    "x-forwarded-for": [...forwardedFor, peer].join(", "),
    "x-forwarded-port": String(request.socket.localPort ?? ""),
    "x-forwarded-proto": "http",
  };
}

/** Those of one connection, and cookies. */
const droppedHeaders = new Set([
  "connection",
  "cookie",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function joinDuplicates(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of pairs) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(joined);
}

const readCookies = (request: IncomingMessage): string[] =>
  (request.headers.cookie ?? "").split(/;\s*/).filter((cookie) => cookie !== "");

function eventBody(body: Buffer, headers: IncomingMessage["headers"]): object {
  if (body.length === 0) return { isBase64Encoded: false };
  const isBase64Encoded = !isText(headers["content-type"]) || headers["content-encoding"] !== undefined;
  return { body: body.toString(isBase64Encoded ? "base64" : "utf8"), isBase64Encoded };
}

/**
 * What API Gateway hands over as it is. Measured on AWS by others, it is written nowhere: everything else is Base64, also
 * forms, `application/problem+json` and a body without a content type.
 */
function isText(contentType: string | undefined): boolean {
  const mediaType = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  return /^(text\/.+|application\/(json|xml|javascript))$/.test(mediaType);
}

/** E.g. "12/Mar/2026:19:03:58 +0000". */
function commonLogTime(timeMs: number): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(timeMs).toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
