import { type Report, within } from "./plan-values.ts";
import type { Tier } from "./tier.ts";

/** Who may call the API, from where, and how often. */
export interface ApiOptions {
  /** Default `{ kind: "iam" }`. There is no way to leave it open. */
  readonly auth?: ApiAuth;
  /** Web sites whose pages may call it. Default: none. */
  readonly cors?: {
    /** Such as `https://app.example.com`: scheme, host and, if it has one, port. */
    readonly origins: readonly string[];
  };
  /** More requests are answered with 429. */
  readonly throttle?: {
    /** Requests a second: 1 to 10,000. Default 100. */
    readonly rate?: number;
    /** Requests at once: 1 to 5,000. Default 200. */
    readonly burst?: number;
  };
  /**
   * Who may read `/openapi.json` and `/docs`: with `"open"`, everybody who can reach the API; that is so with tokens only,
   * AWS credentials and JWTs are asked for before the function is. Default `"read"`: callers with the scope `read`.
   */
  readonly docs?: "open" | "read";
}

/** How callers show who they are. */
export type ApiAuth =
  /** AWS credentials that allow `execute-api:Invoke`; requests are signed (Signature Version 4). */
  | { readonly kind: "iam" }
  /**
   * `authorization: Bearer TOKEN`, with a token of the secret `ApiToken`, where it may stand after what it allows, as in
   * `enqueue+read:TOKEN`. The function checks it.
   */
  | { readonly kind: "token" }
  /** A JSON Web Token, which API Gateway checks. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html */
  | {
      readonly kind: "jwt";
      /** The `iss` of the tokens, an `https://` URL under which the issuer publishes its keys. */
      readonly issuer: string;
      /** What `aud` or `client_id` may be. */
      readonly audience: readonly string[];
      /** A token needs one of these. Default: any token of the issuer and audience will do. */
      readonly scopes?: readonly string[];
      /** What a token's scopes allow in Tendril: any one of a list will do, and what has no list is for nobody. Default: every token allows everything. */
      readonly grants?: Readonly<Partial<Record<ApiScope, readonly string[]>>>;
    };

/**
 * What a caller may do: `enqueue` jobs; `read` jobs, queues and schedules; `operate`, which is to change what is there:
 * cancel, retry, redrive, drop, run, pause, resume.
 */
export type ApiScope = (typeof apiScopes)[number];

/** Every scope. */
export const apiScopes = ["enqueue", "read", "operate"] as const;

/** The API's rules, worked out. */
export interface ApiAccess {
  readonly auth: ApiAuth;
  readonly origins: readonly string[];
  readonly throttle: { readonly rate: number; readonly burst: number };
  readonly docs: "open" | "read";
}

/** What the pages of `cors.origins` may send and see. */
export const corsRules = {
  methods: ["GET", "POST", "DELETE"],
  headers: ["authorization", "content-type", "idempotency-key", "x-amz-date", "x-amz-security-token", "x-request-id"],
  exposedHeaders: ["location", "retry-after", "x-request-id"],
  /** How long a browser keeps a preflight's answer. */
  maxAgeSeconds: 3600,
} as const;

/** API Gateway's own limits of an account. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const most = { rate: 10_000, burst: 5000 };

/** The rules that a tier gives its API, and the defaults. */
export function apiAccess({ api = {} }: Tier): ApiAccess {
  return {
    auth: api.auth ?? { kind: "iam" },
    origins: api.cors?.origins ?? [],
    throttle: { rate: api.throttle?.rate ?? 100, burst: api.throttle?.burst ?? 200 },
    docs: api.docs ?? "read",
  };
}

/** `apiAccess`, with a report of what AWS would refuse or what would let everybody in. */
export function planApiAccess(tier: Tier, report: Report): ApiAccess {
  const access = apiAccess(tier);
  within("api.throttle.rate", access.throttle.rate, [1, most.rate], "requests a second", report);
  within("api.throttle.burst", access.throttle.burst, [1, most.burst], "requests", report);
  for (const origin of access.origins) {
    if (/^https?:\/\/[a-z0-9.-]+(?::\d{1,5})?$/.test(origin)) continue;
    report({
      where: "api.cors.origins",
      given: JSON.stringify(origin),
      allowed: "scheme and host, in lower case, such as https://app.example.com",
      ...(origin === "*" ? { fix: "Name the sites: every other one is kept out." } : {}),
    });
  }
  if (access.docs !== "open" && access.docs !== "read") {
    // A tier in JavaScript, or with a cast.
    report({ where: "api.docs", given: JSON.stringify(access.docs), allowed: '"open" or "read"' });
  }
  checkAuth(access.auth, report);
  return access;
}

function checkAuth(auth: ApiAuth, report: Report): void {
  switch (auth.kind) {
    case "iam":
    case "token":
      return;
    case "jwt":
      if (!/^https:\/\/[^\s/?#]+[^\s?#]*$/.test(auth.issuer)) {
        report({ where: "api.auth.issuer", given: JSON.stringify(auth.issuer), allowed: "an https:// URL" });
      }
      if (auth.audience.length === 0 || auth.audience.includes("")) {
        report({
          where: "api.auth.audience",
          given: auth.audience.length === 0 ? "none" : "an empty text",
          allowed: "at least one audience",
          fix: "Without one, every token of the issuer would do, those for other apps too.",
        });
      }
      checkGrants(auth.grants ?? {}, report);
      return;
    default: {
      // A tier in JavaScript, or with a cast: never to be read as open.
      const unknown: never = auth;
      report({ where: "api.auth.kind", given: JSON.stringify(unknown), allowed: '"iam", "token" or "jwt"' });
    }
  }
}

function checkGrants(grants: Readonly<Record<string, readonly string[]>>, report: Report): void {
  for (const [scope, granting] of Object.entries(grants)) {
    const where = `api.auth.grants.${scope}`;
    if (!apiScopes.some((each) => each === scope)) {
      report({ where, given: "no scope of Tendril's", allowed: apiScopes.join(", ") });
    } else if (granting.some((each) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each))) {
      // https://www.rfc-editor.org/rfc/rfc6749#section-3.3
      report({ where, given: "a text that no token has as a scope", allowed: "scopes, without spaces" });
    }
  }
}
