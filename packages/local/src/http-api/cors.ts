import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { GatewayResponse } from "./function-response.ts";

/**
 * Who may call the API from another origin's pages: API Gateway's `CorsConfiguration`, what is left out is sent to no one.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
 */
export interface CorsConfiguration {
  /** "https://example.com", all of a scheme ("https://*", "http://*"), or "*" for any. */
  readonly allowOrigins?: readonly string[];
  /** E.g. "GET", or "*". */
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  /** Seconds that a browser keeps a preflight's answer, -1 to 86,400. */
  readonly maxAgeSeconds?: number;
  /** Cannot be together with an origin, a method or a header "*". Default: false. */
  readonly allowCredentials?: boolean;
}

const maxAgeLimits = { from: -1, to: 86_400 };

/** Throws what API Gateway would refuse. */
export function checkCors(cors: CorsConfiguration): void {
  const { allowOrigins = [], allowMethods = [], allowHeaders = [], maxAgeSeconds = 0, allowCredentials } = cors;
  if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < maxAgeLimits.from || maxAgeSeconds > maxAgeLimits.to)
    throw new Error(`CORS: maxAgeSeconds is ${maxAgeLimits.from} to ${maxAgeLimits.to}, not ${maxAgeSeconds}`);
  const bad = allowOrigins.find((origin) => !/^(\*|https?:\/\/\*|[a-z][a-z0-9+.-]*:\/\/[^/*\s]+)$/i.test(origin));
  if (bad !== undefined) throw new Error(`CORS: "${bad}" is not an origin, e.g. "https://example.com"`);
  const lists = { allowOrigins, allowMethods, allowHeaders };
  for (const [name, values] of Object.entries(lists))
    if (allowCredentials && values.includes("*"))
      throw new Error(`CORS: ${name} cannot be "*" when credentials are allowed`);
}

/** Whether a browser asks for leave: API Gateway then answers itself, whatever routes there are. */
export function isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return method === "OPTIONS" && headers.origin !== undefined && headers["access-control-request-method"] !== undefined;
}

/** The answer to a preflight; without any CORS header when the origin is not allowed. */
export function preflightResponse(cors: CorsConfiguration, origin: string | undefined): GatewayResponse {
  const { allowMethods, allowHeaders, maxAgeSeconds } = cors;
  const allowed = originHeaders(cors, origin);
  const headers = {
    ...allowed,
    ...list("access-control-allow-methods", allowMethods),
    ...list("access-control-allow-headers", allowHeaders),
    ...(maxAgeSeconds === undefined ? {} : { "access-control-max-age": String(maxAgeSeconds) }),
  };
  return { status: 204, headers: allowed ? headers : {}, body: Buffer.alloc(0) };
}

/** A function's response with the API's CORS headers; those that the function gave are dropped, as API Gateway does. */
export function withCors(
  response: GatewayResponse,
  cors: CorsConfiguration,
  origin: string | undefined,
): GatewayResponse {
  const own = Object.entries(response.headers).filter(([name]) => !name.startsWith("access-control-"));
  const allowed = originHeaders(cors, origin);
  const exposed = allowed ? list("access-control-expose-headers", cors.exposeHeaders) : {};
  return { ...response, headers: { ...Object.fromEntries(own), ...allowed, ...exposed } };
}

/** Undefined when the caller's origin is not allowed, or it has none. */
function originHeaders(cors: CorsConfiguration, origin: string | undefined): OutgoingHttpHeaders | undefined {
  const { allowOrigins = [], allowCredentials = false } = cors;
  if (origin === undefined || !allowOrigins.some((allowed) => allows(allowed, origin))) return undefined;
  return {
    "access-control-allow-origin": allowOrigins.includes("*") ? "*" : origin,
    ...(allowCredentials ? { "access-control-allow-credentials": "true" } : {}),
  };
}

function allows(allowed: string, origin: string): boolean {
  if (allowed === "*") return true;
  return allowed.endsWith("://*") ? origin.startsWith(allowed.slice(0, -1)) : allowed === origin;
}

const list = (name: string, values: readonly string[] | undefined): OutgoingHttpHeaders =>
  values && values.length > 0 ? { [name]: values.join(",") } : {};
