import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { handle } from "hono/aws-lambda";
import type { Api } from "./api.ts";

type Handle = ReturnType<typeof handle>;

/** The API as a Lambda handler, for an HTTP API's events with payload format 2.0. */
export function lambdaHandler(api: Api): (event: LambdaEvent, context?: LambdaContext) => ReturnType<Handle> {
  const answer = handle(api);
  return (event, context) => answer(asRequest(event), context);
}

/**
 * The event as a request can be made of it. A body that came with a GET or HEAD is left out, for the Fetch standard knows
 * none, and such a request is no other without it. An empty header is a blank one, which means the same: Hono's adapter
 * drops empty ones, and a key that is empty is to be refused.
 */
function asRequest(event: LambdaEvent): LambdaEvent {
  if (!("rawPath" in event)) return event;
  const { requestContext } = event;
  const { http } = requestContext;
  const bodiless = ["GET", "HEAD"].includes(http.method);
  const method = unfetchable.has(http.method) ? `X-${http.method}` : http.method;
  return {
    ...event,
    rawPath: encodePath(event.rawPath),
    headers: Object.fromEntries(
      Object.entries(event.headers).map(([name, value]) => [name, value === "" ? " " : value]),
    ),
    ...(bodiless ? { body: null } : {}),
    requestContext: { ...requestContext, http: { ...http, method } },
  };
}

/** Methods that no Request takes: named otherwise, they are refused as any other that no route has. https://fetch.spec.whatwg.org/#forbidden-method */
const unfetchable: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** API Gateway has decoded the path: a `?` in it would begin the query, and a segment `..` lead to another route. */
function encodePath(path: string): string {
  const encoded = encodeURI(path.toWellFormed()).replace(/[?#]/g, encodeURIComponent);
  return encoded.replace(/(?<=\/)\.{1,2}(?=\/|$)/g, (dots) => dots.replaceAll(".", "%252E"));
}
