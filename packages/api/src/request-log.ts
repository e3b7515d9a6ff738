import { kindOf, TendrilError } from "@tendril/core/errors";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { ApiEnv, Caller, Tell } from "./access.ts";
import { problemOf } from "./problem.ts";

/** Writes one line of a log. */
export type LogLine = (message: string, facts: Readonly<Record<string, unknown>>) => void;

/** A log that has a line for each request, with the request's id. */
export interface RequestLog {
  readonly tell: Tell;
  /** Says that a request, or a part of it, was refused, or failed. */
  readonly tellRefusal: (context: Context<ApiEnv>, thrown: unknown) => void;
  /** Says that something went wrong of which the request goes on. */
  readonly tellTrouble: (context: Context<ApiEnv>, message: string, thrown: unknown) => void;
  /** Says that a request was answered, when nobody else said anything about it. */
  readonly logRequests: MiddlewareHandler<ApiEnv>;
}

/** Makes the log. `logFailure` is for what is not the caller's fault. */
export function createRequestLog(log: LogLine, logFailure: LogLine): RequestLog {
  const tell: Tell = (context, message, facts) => {
    context.set("told", true);
    log(message, { ...facts, ...factsOf(context) });
  };
  return {
    tell,
    tellRefusal(context, thrown) {
      const { status, code } = problemOf(thrown);
      if (status < 500) return tell(context, "request refused", { ...routeOf(context), status, code });
      context.set("told", true);
      logFailure("request failed", { ...factsOf(context), ...failureFacts(thrown) });
    },
    tellTrouble(context, message, thrown) {
      logFailure(message, { ...factsOf(context), ...failureFacts(thrown) });
    },
    async logRequests(context, next) {
      await next();
      const { status } = context.res;
      if (context.get("told") !== true) tell(context, "request answered", { ...routeOf(context), status });
    },
  };
}

function factsOf(context: Context<ApiEnv>) {
  const caller: Caller | undefined = context.get("caller"); // none when the request was refused before it
  return { request_id: context.get("requestId"), ...(caller === undefined ? {} : { caller: caller.name }) };
}

/** The method, and the route as it is written in the code: a path itself may hold what no log should. */
function routeOf(context: Context<ApiEnv>): { readonly method: string; readonly route?: string } {
  const route = matchedRoutes(context).findLast(({ path }) => !path.includes("*"))?.path;
  return { method: context.req.method, ...(route === undefined ? {} : { route }) };
}

/** What to log of the server's own failures. The text of a foreign error may hold a payload: its name and place must do. */
function failureFacts(thrown: unknown): Record<string, unknown> {
  if (thrown instanceof TendrilError) {
    const { code, message, cause } = thrown;
    return { code, error: message, ...(cause instanceof Error ? { cause: cause.name } : {}) };
  }
  if (!(thrown instanceof Error)) return { error: kindOf(thrown) };
  const frames = thrown.stack?.split("\n").filter((line) => /^ +at /.test(line)) ?? [];
  return { error: thrown.name, at: frames.slice(0, 5).map((line) => line.trim()) };
}
