import { type ApiScope, apiScopes } from "@tendril/core/api-plan";
import { TendrilError } from "@tendril/core/errors";
import type { Context, MiddlewareHandler } from "hono";
import type { RequestIdVariables } from "hono/request-id";

/** Every scope, for callers that nothing else is said of. */
export const allScopes: ReadonlySet<ApiScope> = new Set(apiScopes);

/** Who sent a request, as far as the API knows. */
export interface Caller {
  /** Tells callers apart, in logs and for the rate limit; no secret: `token 2`, `iam arn:…`, `jwt SUBJECT`, `source 192.0.2.1`. */
  readonly name: string;
  readonly scopes: ReadonlySet<ApiScope>;
}

/** What there is to know a caller by. */
export interface Credentials {
  /** The header. */
  readonly authorization: string | undefined;
  /** The address that the request came from; undefined where nobody said so. */
  readonly source: string | undefined;
  /** What API Gateway's authorizer found: `requestContext.authorizer` of the event. */
  readonly authorizer: unknown;
}

/** Says who a caller is. Error: `unauthorized`. */
export type Access = (credentials: Credentials) => Caller;

/** What the handlers of a request have at hand. */
export type ApiEnv = { Variables: RequestIdVariables & { caller: Caller; told?: boolean } };

/** Logs a line about a request, with its id and its caller. */
export type Tell = (context: Context<ApiEnv>, message: string, facts: Readonly<Record<string, unknown>>) => void;

/** Lets only callers with the scope through. Error: `forbidden`, which says which scope is missing. */
export function allow(scope: ApiScope): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    checkScope(context.get("caller"), scope);
    await next();
  };
}

/** The check of `allow`, for handlers that need it only sometimes. Error: `forbidden`. */
export function checkScope(caller: Caller, scope: ApiScope): void {
  if (caller.scopes.has(scope)) return;
  throw new TendrilError("forbidden", {
    where: "authorization",
    given: `a caller with ${[...caller.scopes].join(", ") || "no scope"}`,
    allowed: `a caller with ${scope}`,
  });
}

/** For an API that lets everybody in, such as one behind a gateway that asks for credentials. */
export const everybody: Access = ({ source }) => ({ name: `source ${source ?? "unknown"}`, scopes: allScopes });
