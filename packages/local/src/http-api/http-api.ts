import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Clock, systemClock } from "../clock.ts";
import type { Lambda } from "../lambda/lambda.ts";
import { type CorsConfiguration, checkCors, isPreflight, preflightResponse, withCors } from "./cors.ts";
import { functionResponse, type GatewayResponse, gatewayErrors } from "./function-response.ts";
import { requestEvent } from "./request-event.ts";
import { requestTrace } from "./request-trace.ts";
import { createRouter, type MatchedRoute, type Router } from "./routes.ts";

export interface HttpApiOptions {
  readonly clock: Clock;
  /** On 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  readonly lambda: Pick<Lambda, "invoke">;
  /** The function behind every route. */
  readonly functionName: string;
  /**
   * Route keys: "GET /pets/{id}", "ANY /{proxy+}". Default: "$default" alone, which takes every request. A request that
   * no route takes is answered with 404 and `{"message":"Not Found"}`, also when only its method is another: the method
   * is a part of the route, so that HTTP APIs have no 405 of their own.
   * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
   */
  readonly routes?: readonly string[];
  /** Default: none; the function's own CORS headers are then passed on, and preflights are requests like others. */
  readonly cors?: CorsConfiguration;
  readonly accountId: string;
  /** Default: "local". */
  readonly apiId?: string;
}

/** An HTTP API that listens. */
export interface HttpApi {
  /** "http://127.0.0.1:…", without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Takes no more requests, waits for those that run, at most `graceMs` (default 5,000), and closes every connection. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const limits = { bodyBytes: 10 * 1024 * 1024, headBytes: 10_240, integrationMs: 30_000 };
/** Node's own bound on a request's head, which counts more than API Gateway does: names, and what is between. */
const maxHeaderSize = 4 * limits.headBytes;
const defaultGraceMs = 5000;

/**
 * API Gateway's HTTP API on this machine, in front of one function. Rejects with Node's error when the port is taken
 * (`EADDRINUSE`) or not allowed, and for routes or a CORS configuration that API Gateway refuses.
 */
export async function listenHttpApi(options: HttpApiOptions): Promise<HttpApi> {
  const router = createRouter(options.routes ?? ["$default"]);
  if (options.cors) checkCors(options.cors);
  const running = new Set<Promise<void>>();
  const server = createServer({ maxHeaderSize }, (request, response) => {
    const answered = answer(request, response, { ...options, router })
      .catch(() => void response.destroy())
      .finally(() => running.delete(answered));
    running.add(answered);
  });
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close({ graceMs = defaultGraceMs } = {}) {
      const closed = new Promise((resolve) => server.close(resolve));
      // Sockets are waited for in real time.
      const machine = systemClock();
      const { promise: bound, resolve } = Promise.withResolvers<void>();
      const timer = machine.at(machine.now() + graceMs, resolve);
      await Promise.race([Promise.all(running), bound]);
      timer.cancel();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("The HTTP API has no port"));
      else resolve(address.port);
    });
  });
}

interface Gateway extends HttpApiOptions {
  readonly router: Router;
}

async function answer(request: IncomingMessage, response: ServerResponse, gateway: Gateway): Promise<void> {
  const requestId = randomUUID();
  const body = await readBody(request);
  const result = body ? await respond(request, body, requestId, gateway) : gatewayErrors.bodyTooLarge;
  const hasBody = result.status !== 204 && result.status !== 304;
  const length = hasBody ? { "content-length": result.body.length } : {};
  // The client may have gone meanwhile.
  if (response.closed) return;
  response.writeHead(result.status, { ...result.headers, ...length, "apigw-requestid": requestId });
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(hasBody && request.method !== "HEAD" ? result.body : undefined);
  });
}

/** The body, or undefined when it is longer than API Gateway takes: it is read to its end, so that the client can read. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= limits.bodyBytes) chunks.push(chunk);
  }
  return bytes <= limits.bodyBytes ? Buffer.concat(chunks) : undefined;
}

async function respond(
  request: IncomingMessage,
  body: Buffer,
  requestId: string,
  gateway: Gateway,
): Promise<GatewayResponse> {
  const { cors, router } = gateway;
  const { origin } = request.headers;
  if (headBytes(request) > limits.headBytes) return gatewayErrors.headTooLarge;
  if (cors && isPreflight(request.method, request.headers)) return preflightResponse(cors, origin);
  const [path = "/"] = (request.url ?? "/").split("?");
  const route = router(request.method ?? "GET", path);
  if (!route) return gatewayErrors.notFound;
  const response = await integrate(request, body, { requestId, route }, gateway);
  return cors ? withCors(response, cors, origin) : response;
}

/** The request line and the values of the headers. */
function headBytes(request: IncomingMessage): number {
  const line = `${request.method} ${request.url} HTTP/${request.httpVersion}`;
  const values = request.rawHeaders.filter((_, index) => index % 2 === 1);
  return [line, ...values].reduce((bytes, text) => bytes + text.length, 0);
}

async function integrate(
  request: IncomingMessage,
  body: Buffer,
  facts: { readonly requestId: string; readonly route: MatchedRoute },
  { clock, lambda, functionName, accountId, apiId = "local" }: HttpApiOptions,
): Promise<GatewayResponse> {
  const timeMs = clock.now();
  const traceHeader = requestTrace(request.headersDistinct["x-amzn-trace-id"]?.[0], timeMs);
  const event = requestEvent(request, body, { accountId, apiId, ...facts, timeMs, traceHeader });
  const { promise: tooLate, resolve } = Promise.withResolvers<GatewayResponse>();
  // A REST API answers 504, "Endpoint request timed out"; an HTTP API answers 503, whatever comes of the function:
  // https://github.com/serverless/serverless/issues/11222.
  const timer = clock.at(timeMs + limits.integrationMs, () => resolve(gatewayErrors.unavailable));
  const invoked = invoke(lambda, functionName, JSON.stringify(event), { traceHeader });
  const result = await Promise.race([invoked, tooLate]);
  timer.cancel();
  return result;
}

async function invoke(lambda: Pick<Lambda, "invoke">, ...call: Parameters<Lambda["invoke"]>): Promise<GatewayResponse> {
  try {
    const invocation = await lambda.invoke(...call);
    switch (invocation.kind) {
      case "succeeded":
        return functionResponse(invocation.payload);
      case "throttled":
        return gatewayErrors.unavailable;
      case "failed":
        return invocation.errorType === "RequestTooLargeException"
          ? gatewayErrors.bodyTooLarge
          : gatewayErrors.internal;
      case "timed-out":
      case "crashed":
      case "init-failed":
        return gatewayErrors.internal;
    }
  } catch {
    // The functions are closed, or there is none of this name.
    return gatewayErrors.internal;
  }
}
