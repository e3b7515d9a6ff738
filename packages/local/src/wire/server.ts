import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsError } from "./aws-error.ts";
import type { WireReply, WireRequest } from "./http.ts";
import { type Call, ConnectionCut, type HandlerContext, type Interceptor, type Service } from "./service.ts";

export interface ListenOptions {
  /** 0 takes a free port. */
  port: number;
  /** The longest request body in bytes; longer ones are answered with status 413. Default: 4 MiB. */
  maxBodyBytes?: number;
  /** Told of what a handler threw that is no `AwsError`, after the caller was answered with 500. Default: stderr. */
  onFault?: (fault: unknown) => void;
  /** The time that answers carry in their `date`, in milliseconds since 1970. Default: the machine's. */
  now?: () => number;
  /** Stands around every call that was read. Default: calls go straight to their handlers. */
  intercept?: Interceptor;
}

export interface WireServer {
  /** e.g. `http://127.0.0.1:4100` */
  readonly url: string;
  readonly port: number;
  /** Takes no more requests, ends open long polls at once, gives what else is running one second, then cuts it off. */
  close(): Promise<void>;
}

/** Idle connections stay open this long, in milliseconds: longer than the SDK's clients keep theirs. */
const keepAliveMs = 10 * 60_000;
const closeGraceMs = 1_000;
/** How long the rest of a body that is too large is waited for, in milliseconds. */
const tooLargeGraceMs = 2_000;

/**
 * Serves AWS services on one port of 127.0.0.1. A request goes to the first service that recognises it, by
 * `x-amz-target` or by method and path. Rejects with the operating system's error when the port cannot be taken
 * (`code` is `EADDRINUSE` when something else has it).
 */
export async function listen(services: readonly Service[], options: ListenOptions): Promise<WireServer> {
  const running = new Set<AbortController>();
  const maxBodyBytes = options.maxBodyBytes ?? 4 * 1024 * 1024;
  const onFault = options.onFault ?? ((fault) => console.error(fault));
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    const controller = new AbortController();
    running.add(controller);
    response.on("close", () => {
      running.delete(controller);
      if (!response.writableFinished) controller.abort();
    });
    if (!server.listening) controller.abort();
    const { signal } = controller;
    const { intercept, now } = options;
    answer(services, request, response, { maxBodyBytes, onFault, intercept, now, signal, server }).catch((fault) => {
      onFault(fault);
      response.destroy();
    });
  });
  await bind(server, options.port);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, close: () => close(server, running) };
}

function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function close(server: Server, running: ReadonlySet<AbortController>): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const controller of running) controller.abort();
    server.closeIdleConnections();
  });
}

interface AnswerOptions {
  maxBodyBytes: number;
  onFault: (fault: unknown) => void;
  intercept: Interceptor | undefined;
  now: (() => number) | undefined;
  signal: AbortSignal;
  server: Server;
}

async function answer(
  services: readonly Service[],
  incoming: IncomingMessage,
  response: ServerResponse,
  options: AnswerOptions,
): Promise<void> {
  const request = wireRequest(incoming);
  const call = matchCall(services, request);
  const reply = await replyTo(incoming, request, call, options);
  if (reply === "cut") response.destroy();
  if (reply === "cut" || response.destroyed) return;
  response.writeHead(reply.status, {
    ...reply.headers,
    "x-amzn-requestid": randomUUID(),
    ...(options.now === undefined ? {} : { date: new Date(options.now()).toUTCString() }),
    "content-length": Buffer.byteLength(reply.body),
    ...(options.server.listening && incoming.complete ? {} : { connection: "close" }),
  });
  response.end(reply.body);
}

async function replyTo(
  incoming: IncomingMessage,
  request: WireRequest,
  call: Call | undefined,
  options: AnswerOptions,
): Promise<WireReply | "cut"> {
  const refuse = call?.refuse ?? plainRefusal;
  try {
    if (isForeignPage(request)) throw new AwsError("AccessDeniedException", "Web pages may not call.", { status: 403 });
    const body = await readBody(incoming, call?.maxBodyBytes ?? options.maxBodyBytes);
    if (!call) throw noService(request);
    return await call.run(body, contextOf(request, options.signal), options.intercept);
  } catch (error) {
    if (error instanceof ConnectionCut) return "cut";
    if (error instanceof AwsError) return refuse(error);
    options.onFault(error);
    return refuse(new AwsError("InternalFailure", "The local service failed; see its log.", { status: 500 }));
  }
}

function contextOf(request: WireRequest, signal: AbortSignal): HandlerContext {
  return {
    signal,
    header: request.header,
    accessKeyId: () => signedWith.exec(request.header("authorization") ?? "")?.[1],
  };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html */
const signedWith = /^AWS4-HMAC-SHA256 .*\bCredential=([^/,\s]+)\//;

function matchCall(services: readonly Service[], request: WireRequest): Call | undefined {
  for (const service of services) {
    const call = service.match(request);
    if (call) return call;
  }
  return undefined;
}

const noQuery = new URLSearchParams();

function wireRequest(incoming: IncomingMessage): WireRequest {
  const url = incoming.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: incoming.method ?? "",
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? noQuery : new URLSearchParams(url.slice(mark + 1)),
    header: (name) => {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(",") : value;
    },
  };
}

/** A browser names the page's origin when it posts: a page of another host must not reach a developer's queues. */
function isForeignPage(request: WireRequest): boolean {
  const origin = request.header("origin");
  if (origin === undefined) return false;
  const host = URL.canParse(origin) ? new URL(origin).hostname : "";
  return host !== "127.0.0.1" && host !== "localhost" && host !== "[::1]";
}

function readBody(incoming: IncomingMessage, maxBodyBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLarge = (): void => {
      const message = `The request body must not be longer than ${maxBodyBytes} bytes.`;
      const refuse = (): void => {
        clearTimeout(waiting);
        reject(new AwsError("RequestEntityTooLargeException", message, { status: 413 }));
      };
      // A caller that is cut off while it writes does not read why: the rest of its body is thrown away first.
      const waiting = setTimeout(refuse, tooLargeGraceMs);
      incoming.removeAllListeners("data").removeAllListeners("end").resume();
      incoming.on("end", refuse).on("error", refuse).on("close", refuse);
    };
    if (Number(incoming.headers["content-length"] ?? 0) > maxBodyBytes) return tooLarge();
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBodyBytes) tooLarge();
      else chunks.push(chunk);
    });
    incoming.on("end", () => resolve(Buffer.concat(chunks)));
    const cutShort = (): void => {
      if (!incoming.complete) reject(new AwsError("RequestAbortedException", "The request was cut short."));
    };
    incoming.on("error", cutShort).on("close", cutShort);
  });
}

function noService(request: WireRequest): AwsError {
  const form = request.header("content-type")?.startsWith("application/x-www-form-urlencoded");
  const message = form
    ? "The AWS query protocol is not spoken here: use an SDK that speaks AWS JSON 1.0 (any of 2023-11 or later)."
    : "No service here has this operation.";
  return new AwsError("UnknownOperationException", message, { status: 404 });
}

function plainRefusal(error: AwsError): WireReply {
  return {
    status: error.status ?? 400,
    headers: { "content-type": "application/json", "x-amzn-errortype": error.name },
    body: JSON.stringify({ __type: `com.amazon.coral.service#${error.name}`, message: error.message }),
  };
}
