import { TendrilError } from "@tendril/core/errors";
import type { Context } from "hono";
import { type Access, type ApiEnv, type Caller, type Credentials, everybody } from "./access.ts";
import { member } from "./budget.ts";
import { createRateLimit } from "./rate-limit.ts";

/** Where every request comes by. */
export interface Door {
  /** Says who the caller is. Errors: `unauthorized`, `rate_limited`. */
  identify(context: Context<ApiEnv>): void;
  /** Lets anybody in. Error: `rate_limited`. */
  admit(context: Context<ApiEnv>): void;
}

/** What `createDoor` takes. */
export interface DoorOptions {
  /** Default: everybody may do everything. */
  readonly access?: Access;
  /** Requests of one caller a second, and at once. Default: any number. */
  readonly throttle?: { readonly rate: number; readonly burst: number };
  /** Milliseconds. */
  readonly now: () => number;
}

/** Makes the door. Who is not known counts as the address that the request comes from: guessing tokens is limited too. */
export function createDoor({ access = everybody, throttle, now }: DoorOptions): Door {
  const limit = throttle === undefined ? undefined : createRateLimit({ ...throttle, now });
  const count = (caller: string): void => {
    if (limit === undefined || throttle === undefined || limit.take(caller) === 0) return;
    throw new TendrilError("rate_limited", {
      given: "more requests than one caller may make",
      allowed: `${throttle.rate} a second, ${throttle.burst} at once`,
      fix: "Try again after the seconds in retry-after; a list of jobs is one request.",
    });
  };
  return {
    identify(context) {
      const credentials = credentialsOf(context);
      const found = lookAt(credentials);
      count("caller" in found ? found.caller.name : sourceName(credentials));
      if (!("caller" in found)) throw found.error;
      context.set("caller", found.caller);
    },
    admit: (context) => count(sourceName(credentialsOf(context))),
  };

  function lookAt(credentials: Credentials): { readonly caller: Caller } | { readonly error: unknown } {
    try {
      return { caller: access(credentials) };
    } catch (error) {
      return { error };
    }
  }
}

const sourceName = ({ source }: Credentials): string => `source ${source ?? "unknown"}`;

/** What API Gateway says of a request. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
function credentialsOf(context: Context<ApiEnv>): Credentials {
  const request = member(member(context.env, "event"), "requestContext");
  const source = member(member(request, "http"), "sourceIp");
  return {
    authorization: context.req.header("authorization"),
    source: typeof source === "string" ? source : undefined,
    authorizer: member(request, "authorizer"),
  };
}
