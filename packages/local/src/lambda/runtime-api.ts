import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FunctionError } from "./invocation.ts";

/** An answer may be this many bytes longer than a request may be: so much does Lambda leave for its envelope. */
const maxResponseBytes = 6_291_556;

/** What a runtime is told with an invocation. */
export interface RuntimeInvocation {
  readonly requestId: string;
  readonly payload: string;
  /** Milliseconds since 1970 by the machine's own time: the runtime compares it with its own `Date.now()`. */
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId: string;
}

export interface RuntimeApiEvents {
  /** The runtime asks for work: at the first time, its handler has loaded. */
  onNext(): void;
  /** The offered invocation was handed over. */
  onTaken(): void;
  onResponse(payload: string): void;
  onError(error: FunctionError): void;
  onInitError(error: FunctionError): void;
}

/** The Lambda Runtime API of one execution environment. */
export interface RuntimeApi {
  /** What `AWS_LAMBDA_RUNTIME_API` says: host and port. */
  readonly address: string;
  /** Gives out the invocation, at once or when the runtime next asks. One at a time. */
  offer(invocation: RuntimeInvocation): void;
  close(): void;
}

type Route = { kind: "next" | "init-error" | "unknown" } | { kind: "response" | "error"; requestId: string };

/**
 * Listens on an ephemeral port of 127.0.0.1 for one runtime, with the calls of
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
 */
export async function startRuntimeApi(events: RuntimeApiEvents): Promise<RuntimeApi> {
  let offered: RuntimeInvocation | undefined;
  let runningId: string | undefined;
  let waiting: ServerResponse | undefined;

  const giveOut = (): void => {
    if (!offered || !waiting) return;
    const [invocation, response] = [offered, waiting];
    offered = waiting = undefined;
    runningId = invocation.requestId;
    response.writeHead(200, invocationHeaders(invocation)).end(invocation.payload);
    events.onTaken();
  };

  const finish = (route: { kind: "response" | "error"; requestId: string }, body: Buffer, response: ServerResponse) => {
    if (route.requestId !== runningId) return refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    runningId = undefined;
    if (body.length > maxResponseBytes) {
      const error = tooLarge(body.length);
      refuse(response, 413, error.errorType, error.errorMessage);
      return events.onError(error);
    }
    accept(response);
    if (route.kind === "response") events.onResponse(body.toString("utf8"));
    else events.onError(readFunctionError(body));
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = findRoute(request);
    const body = await readBody(request);
    switch (route.kind) {
      case "next":
        if (runningId)
          return refuse(response, 403, "InvalidStateTransition", "The last invocation is not answered yet");
        waiting = response;
        events.onNext();
        return giveOut();
      case "response":
      case "error":
        return finish(route, body, response);
      case "init-error":
        accept(response);
        return events.onInitError(readFunctionError(body));
      case "unknown":
        return refuse(response, 404, "NotFound", "No such call in the Lambda Runtime API");
    }
  };

  const server = createServer((request, response) => {
    // A runtime that ends in the middle of a call is noticed by its exit.
    answer(request, response).catch(() => response.destroy());
  });
  // The runtime's connection stays open while its handler runs, however long that is.
  server.keepAliveTimeout = 0;
  const port = await listenOnLoopback(server);
  return {
    address: `127.0.0.1:${port}`,
    offer(invocation) {
      offered = invocation;
      giveOut();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listenOnLoopback(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address();
      if (address === null || typeof address === "string") reject(new Error("The Runtime API has no port"));
      else resolve(address.port);
    });
  });
}

function findRoute(request: IncomingMessage): Route {
  const call = `${request.method} ${request.url}`;
  if (call === "GET /2018-06-01/runtime/invocation/next") return { kind: "next" };
  if (call === "POST /2018-06-01/runtime/init/error") return { kind: "init-error" };
  const [, requestId, end] = /^POST \/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(call) ?? [];
  if (!requestId || !end) return { kind: "unknown" };
  return { kind: end === "response" ? "response" : "error", requestId: decodeURIComponent(requestId) };
}

function invocationHeaders(invocation: RuntimeInvocation): Record<string, string> {
  return {
    "Content-Type": "application/json",
    "Lambda-Runtime-Aws-Request-Id": invocation.requestId,
    "Lambda-Runtime-Deadline-Ms": String(Math.round(invocation.deadlineMs)),
    "Lambda-Runtime-Invoked-Function-Arn": invocation.functionArn,
    "Lambda-Runtime-Trace-Id": invocation.traceId,
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ errorType, errorMessage }));
}

function tooLarge(bytes: number): FunctionError {
  const errorMessage = `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${maxResponseBytes} bytes).`;
  return { errorType: "Function.ResponseSizeTooLarge", errorMessage, trace: [] };
}

/** Runtimes call the stack `trace` (Node) or `stackTrace` (others). */
function readFunctionError(body: Buffer): FunctionError {
  const error = parseObject(body.toString("utf8"));
  const trace = Array.isArray(error.trace) ? error.trace : error.stackTrace;
  return {
    errorType: typeof error.errorType === "string" ? error.errorType : "Runtime.Unknown",
    errorMessage: typeof error.errorMessage === "string" ? error.errorMessage : "",
    trace: Array.isArray(trace) ? trace.map(String) : [],
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
