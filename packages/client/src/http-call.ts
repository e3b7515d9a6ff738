import { TendrilError } from "@tendril/core/errors";
import { errorOfProblem, outcomeUnknown } from "./problem-error.ts";
import { fullJitterMs, machineSleep, type Sleep } from "./sleep.ts";

/** What calls of the API are made with. */
export interface HttpOptions {
  /** The API's address, `https://…`; a path is kept as a prefix. */
  readonly url: string;
  /** A bearer token. Default: none. */
  readonly token?: string;
  /** Further headers of each call, asked for anew each time. Default: none. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** Makes a request: the signing `fetch` of a SigV4 library, for example. Default: the platform's own. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** How long one try may take, in milliseconds. Default 35,000: API Gateway gives up after 30 seconds. */
  readonly tryTimeoutMs?: number;
  /** Milliseconds since 1970. Default: the machine's time. */
  readonly now?: () => number;
  /** At least 0, less than 1: spreads what is sent again. Default: Math.random. */
  readonly random?: () => number;
  /** Waits before a call is made again. Default: the machine's own timers. */
  readonly sleep?: Sleep;
}

/** One call of the API. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** From the API's address on: `/jobs`. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the call may be carried out twice and leave the same. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a call, and resolves to the JSON of its answer. Rejects with a TendrilError, or with the signal's reason. */
export type HttpCall = (request: HttpRequest) => Promise<unknown>;

/** How often a call is made in all, and the pauses between, in milliseconds; a longer `Retry-After` ends it. */
export const mostTries = 4;
const pauses = { fromMs: 200, toMs: 5_000 };
const longestRetryAfterMs = 30_000;

/**
 * Makes calls, again when that can help and is safe: after 429, which took nothing (but for a try of SQS's whose answer the
 * API has lost before), and when no connection was made; after
 * 502, 503, 504 and a lost answer only what is `repeatable`, because API Gateway says 503 of a request too whose function
 * was running for longer than it waits.
 */
export function createHttpCall(options: HttpOptions): HttpCall {
  const { now = Date.now, random = Math.random, sleep = machineSleep } = options;
  return async (request) => {
    for (let tries = 1; ; tries += 1) {
      const end = await tryOnce(request, options);
      if (end.kind === "answered") return end.json;
      const repeats = end.taken === "no" || (end.taken === "maybe" && request.repeatable);
      const pauseMs = Math.max(fullJitterMs(tries, pauses, random()), retryAfterMs(end.retryAfter, now()));
      if (end.passes && repeats && tries < mostTries && pauseMs <= longestRetryAfterMs) {
        await sleep(pauseMs, request.signal);
        continue;
      }
      throw end.taken === "maybe" && !request.repeatable ? outcomeUnknown(end.error) : end.error;
    }
  };
}

/** How a try ended. */
type TryEnd =
  | { readonly kind: "answered"; readonly json: unknown }
  | {
      readonly kind: "failed";
      readonly error: TendrilError;
      /** Whether another try may end otherwise. */
      readonly passes: boolean;
      /** Whether the API has done what it was asked for. */
      readonly taken: "no" | "maybe";
      readonly retryAfter?: string | null;
    };

async function tryOnce(request: HttpRequest, options: HttpOptions): Promise<TryEnd> {
  const where = `${request.method} ${request.path}`;
  let status: number;
  let headers: Headers;
  let text: string;
  try {
    const response = await send(request, options);
    ({ status, headers } = response);
    text = await response.text();
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof TendrilError) throw error;
    return { kind: "failed", error: noAnswer(where, error), passes: true, taken: neverArrived(error) ? "no" : "maybe" };
  }
  const json = parseJson(text);
  if (status >= 200 && status < 300 && json !== undefined) return { kind: "answered", json };
  const requestId = headers.get("x-request-id") ?? headers.get("apigw-requestid");
  const place = requestId === null ? where : `${where}, x-request-id ${requestId.slice(0, 255)}`;
  return {
    kind: "failed",
    error: errorOfProblem(status, json, place),
    passes: [429, 502, 503, 504].includes(status),
    taken: status < 500 && status >= 400 ? "no" : "maybe",
    retryAfter: headers.get("retry-after"),
  };
}

async function send({ method, path, body, headers, signal }: HttpRequest, options: HttpOptions): Promise<Response> {
  const { url, token, fetch: fetchIt = fetch, tryTimeoutMs = 35_000 } = options;
  const timeout = AbortSignal.timeout(tryTimeoutMs);
  return fetchIt(url.replace(/\/+$/, "") + path, {
    method,
    headers: {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(await options.headers?.()),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    // A redirect would turn the POST into a GET, or take the job somewhere else.
    redirect: "error",
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noAnswer(where: string, cause: unknown): TendrilError {
  return new TendrilError("request_failed", {
    where,
    given: `no answer (${nameOf(cause)})`,
    allowed: "an answer of the API",
    fix: "See whether its address is right, and whether it runs.",
    cause,
  });
}

/** Of Node and Bun: there is nobody at the address, or no address of that name. */
const unsentCodes = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"];

/** Whether no connection was made, so that nothing was sent. A browser does not tell: there it is never known. */
function neverArrived(error: unknown): boolean {
  // Deno has no code for it: "error sending request for url (…): client error (Connect): …".
  return causesOf(error).some((each) => unsentCodes.includes(codeOf(each) ?? "") || each.message.includes("(Connect)"));
}

/** `ECONNREFUSED`, `TimeoutError` …: what happened, without its text. */
function nameOf(error: unknown): string {
  const [first, ...causes] = causesOf(error);
  const code = [first, ...causes].map((each) => each && codeOf(each)).find((each) => each !== undefined);
  return code ?? first?.name ?? "something thrown that is no error";
}

/** The error, and those behind it. */
function causesOf(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [];
}

const codeOf = (error: Error): string | undefined =>
  "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Seconds or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function retryAfterMs(text: string | null | undefined, nowMs: number): number {
  if (text === null || text === undefined) return 0;
  const atMs = /^\d+$/.test(text) ? nowMs + Number(text) * 1000 : Date.parse(text);
  return Number.isNaN(atMs) ? 0 : Math.max(0, atMs - nowMs);
}
