import { Agent, type IncomingHttpHeaders, request } from "node:http";
import type { FunctionError } from "./invocation.ts";

export interface NextInvocation {
  readonly requestId: string;
  readonly payload: string;
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId: string;
}

/** A runtime's side of the Lambda Runtime API. Every call rejects when the API is gone. */
export interface RuntimeClient {
  /** Waits for work, for as long as it takes. */
  next(): Promise<NextInvocation>;
  postResponse(requestId: string, payload: string): Promise<void>;
  postError(requestId: string, error: FunctionError): Promise<void>;
  postInitError(error: FunctionError): Promise<void>;
}

/** Speaks to the API at `address` (host and port) over one connection. */
export function createRuntimeClient(address: string): RuntimeClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [host = "", port = ""] = address.split(":");
  const call = (method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
      const options = {
        agent,
        host,
        port,
        method,
        path: `/2018-06-01/runtime${path}`,
        headers: { ...headers, ...length },
      };
      request(options, (response) => {
        const chunks: Uint8Array[] = [];
        response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString("utf8") }));
      })
        .on("error", reject)
        .end(body);
    });
  const postFailure = async (path: string, error: FunctionError): Promise<void> => {
    // A header holds printable ASCII alone; a thrown error may be named anything.
    const errorType = error.errorType.replace(/[^\x20-\x7e]/g, "?");
    await call("POST", path, JSON.stringify(error), { "Lambda-Runtime-Function-Error-Type": errorType });
  };
  return {
    next: async () => readInvocation(await call("GET", "/invocation/next")),
    postResponse: async (requestId, payload) => void (await call("POST", `/invocation/${requestId}/response`, payload)),
    postError: (requestId, error) => postFailure(`/invocation/${requestId}/error`, error),
    postInitError: (error) => postFailure("/init/error", error),
  };
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function readInvocation({ headers, body }: Answer): NextInvocation {
  const header = (name: string): string => String(headers[`lambda-runtime-${name}`] ?? "");
  return {
    requestId: header("aws-request-id"),
    payload: body,
    deadlineMs: Number(header("deadline-ms")),
    functionArn: header("invoked-function-arn"),
    traceId: header("trace-id"),
  };
}
