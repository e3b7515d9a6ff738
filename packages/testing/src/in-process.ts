import { randomUUID } from "node:crypto";
import { AwsError } from "@tendril/local/wire/aws-error";
import type { WireReply, WireRequest } from "@tendril/local/wire/http";
import type { Service } from "@tendril/local/wire/service";

/** A request as the SDK's clients make it, as far as a service looks at it. */
interface Request {
  readonly method: string;
  /** Percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly body?: unknown;
}

interface Response {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** What an SDK client sends its requests with: its option `requestHandler`. */
export interface InProcessHandler {
  handle(request: Request, options?: { readonly abortSignal?: unknown }): Promise<{ response: Response }>;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

/**
 * Hands the requests of SDK clients to services in this process: the same bytes as over a socket, which it spares.
 * `now`: milliseconds since 1970, for the `date` of answers.
 */
export function inProcess(services: readonly Service[], now: () => number): InProcessHandler {
  return {
    async handle(request, { abortSignal } = {}) {
      const controller = new AbortController();
      const working = answer(services, request, controller.signal);
      const reply = await (abortSignal instanceof AbortSignal
        ? untilAborted(working, abortSignal, controller)
        : working);
      const headers = { ...reply.headers, "x-amzn-requestid": randomUUID(), date: new Date(now()).toUTCString() };
      const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
      return { response: { statusCode: reply.status, headers, body } };
    },
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
  };
}

async function answer(services: readonly Service[], request: Request, signal: AbortSignal): Promise<WireReply> {
  const wire = wireRequest(request);
  const call = services.map((service) => service.match(wire)).find((found) => found !== undefined);
  if (call === undefined) throw new Error(`No service here has ${request.method} ${request.path}.`);
  try {
    const context = { signal, header: wire.header, accessKeyId: () => undefined };
    return await call.run(bodyOf(request.body), context);
  } catch (error) {
    if (error instanceof AwsError) return call.refuse(error);
    throw error;
  }
}

function wireRequest({ method, path, headers, query }: Request): WireRequest {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value ?? ""]) parameters.append(name, each);
  }
  return { method, path, query: parameters, header: (name) => lower.get(name) };
}

function bodyOf(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  throw new Error("A request's body is a stream.");
}

async function untilAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  controller: AbortController,
): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    controller.abort();
    reject(Object.assign(new Error("Request aborted"), { name: "AbortError" }));
  };
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
