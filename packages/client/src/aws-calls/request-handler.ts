import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import https from "node:https";

/** What is needed of a request of the SDK. */
export interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What carries the SDK's requests: its option `requestHandler`. */
export interface RequestHandler {
  readonly metadata: { readonly handlerProtocol: "http/1.1" };
  /** Rejects with `AbortError` when the signal aborts, else with the connection's errors. */
  handle(request: SdkRequest, options?: { readonly abortSignal?: unknown }): Promise<{ response: Answer }>;
  /** Closes all connections. What they carry is rejected. */
  destroy(): void;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

/** An answer, whole. */
export interface Answer {
  readonly statusCode: number;
  readonly reason: string;
  /** By their names in small letters. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** What `createRequestHandler` takes. */
export interface RequestHandlerOptions {
  /** Connections to one server at the same time; further requests wait. Default 50, as the SDK's. */
  readonly maxSockets?: number;
  /** How long a connection may take, with TLS, in milliseconds. Default 10,000; the SDK's own handler waits for ever. */
  readonly connectMs?: number;
  /**
   * How long a request waits for the next byte, in milliseconds. Default 65,000: the Data API ends a statement after 45
   * seconds, and SQS answers within 20. The SDK's own handler waits for ever.
   * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
   */
  readonly quietMs?: number;
}

/**
 * Carries the SDK's requests over Node's own client of HTTP for about six tenths of the processor time of the SDK's handler, which
 * makes streams, timers and listeners for each: requests and answers that are texts need none of these. For clients whose
 * bodies are texts or bytes and whose requests have no query; others are refused with `TypeError`.
 */
export function createRequestHandler(options: RequestHandlerOptions = {}): RequestHandler {
  const { maxSockets = 50, connectMs = 10_000, quietMs = 65_000 } = options;
  const carriers = new Map<string, Promise<Carrier> | Carrier>();
  const running = new Set<Stop>();
  return {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request, { abortSignal } = {}) {
      const signal = abortSignal instanceof AbortSignal ? abortSignal : undefined;
      if (signal?.aborted) throw abortError(signal);
      const { protocol } = request;
      let carrier = carriers.get(protocol) ?? openCarrier(protocol, { maxSockets, quietMs });
      // At once, so that calls that begin together share their connections.
      carriers.set(protocol, carrier);
      if (carrier instanceof Promise) {
        carrier = await carrier;
        carriers.set(protocol, carrier);
      }
      return { response: await exchange(request, { carrier, connectMs, signal, running }) };
    },
    destroy() {
      for (const carrier of carriers.values()) void Promise.resolve(carrier).then(({ agent }) => agent.destroy());
      carriers.clear();
      for (const stop of running) stop(new Error("The client is destroyed."));
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  };
}

/** Node's client for a protocol, and the connections that it keeps. */
interface Carrier {
  readonly request: (options: RequestOptions) => ClientRequest;
  readonly agent: Agent;
}

function openCarrier(
  protocol: string,
  { maxSockets, quietMs }: { readonly maxSockets: number; readonly quietMs: number },
): Carrier | Promise<Carrier> {
  const settings = { keepAlive: true, maxSockets, timeout: quietMs };
  if (protocol === "https:") return { request: https.request, agent: new https.Agent(settings) };
  // Loaded when it is needed: AWS is reached over TLS, and Node loads a browser's client of HTTP with it.
  return import("node:http").then((http) => ({ request: http.request, agent: new http.Agent(settings) }));
}

/** Ends an exchange with an error. */
type Stop = (error: Error) => void;

interface Way {
  readonly carrier: Carrier;
  readonly connectMs: number;
  readonly signal: AbortSignal | undefined;
  readonly running: Set<Stop>;
}

function exchange(request: SdkRequest, { carrier, connectMs, signal, running }: Way): Promise<Answer> {
  const { hostname, port, method, path } = request;
  const body = bodyOf(request);
  const headers = headersOf(request, body);
  return new Promise((resolve, reject) => {
    const { agent } = carrier;
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const sent = carrier.request({ agent, host, method, path, headers, ...(port === undefined ? {} : { port }) });
    const end = (): void => {
      running.delete(stop);
      signal?.removeEventListener("abort", abort);
    };
    const fail = (error: Error): void => {
      end();
      reject(named(error));
    };
    // Node says nothing of a request that is destroyed while it waits for a connection, before there is one.
    const stop = (error: Error): void => {
      sent.destroy(error);
      fail(error);
    };
    const abort = (): void => stop(abortError(signal));
    running.add(stop);
    signal?.addEventListener("abort", abort, { once: true });
    const onAnswer = (answer: IncomingMessage): void => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("error", fail);
      answer.on("end", () => {
        end();
        resolve(answerOf(answer, pieces));
      });
    };
    sent.on("response", onAnswer);
    sent.on("error", fail);
    sent.on("timeout", () => stop(timeoutError()));
    sent.once("socket", (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(() => stop(timeoutError()), connectMs);
      socket.once(carrier.agent instanceof https.Agent ? "secureConnect" : "connect", () => clearTimeout(timer));
      socket.once("close", () => clearTimeout(timer));
    });
    sent.end(body);
  });
}

function answerOf(answer: IncomingMessage, pieces: readonly Buffer[]): Answer {
  const { statusCode = 0, statusMessage = "", headers } = answer;
  const texts: Record<string, string> = {};
  for (const name in headers) texts[name] = String(headers[name]);
  const [first] = pieces;
  const body = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
  return { statusCode, reason: statusMessage, headers: texts, body };
}

function bodyOf({ body }: SdkRequest): string | Uint8Array {
  if (body === undefined || body === null) return "";
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new TypeError("A request's body is neither a text nor bytes.");
}

/** A list: Node takes each header of an object apart. */
function headersOf({ query, headers, hostname }: SdkRequest, body: string | Uint8Array): string[] {
  for (const name in query) throw new TypeError(`A request has a query: ${name}.`);
  const list: string[] = [];
  for (const name in headers) if (name !== "content-length") list.push(name, headers[name] ?? "");
  if (headers.host === undefined) list.push("host", hostname);
  list.push("content-length", String(Buffer.byteLength(body)));
  return list;
}

/** The SDK repeats what is named so. */
function named(error: NodeJS.ErrnoException): Error {
  const isBroken = ["ECONNRESET", "EPIPE", "ETIMEDOUT"].includes(error.code ?? "");
  return isBroken ? Object.assign(error, { name: "TimeoutError" }) : error;
}

const timeoutError = (): Error =>
  Object.assign(new Error("Nothing came over the connection for too long."), { code: "ETIMEDOUT" });

/** As the SDK's own handler makes it. */
function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error("Request aborted", { cause: signal?.reason }), { name: "AbortError" });
}
