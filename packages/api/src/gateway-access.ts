import { type ApiAuth, type ApiScope, apiScopes } from "@tendril/core/api-plan";
import { type Access, allScopes } from "./access.ts";

/**
 * Knows callers by what API Gateway's authorizer found about them; whom it lets through is decided there. IAM callers
 * may do everything, JWT callers too, unless `grants` says what their tokens' scopes allow.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function gatewayAccess(auth: Extract<ApiAuth, { kind: "iam" | "jwt" }>): Access {
  return ({ authorizer, source }) => {
    const elsewhere = `source ${source ?? "unknown"}`;
    if (auth.kind === "iam") {
      const principal = textAt(authorizer, "iam", "userArn");
      return { name: principal === undefined ? elsewhere : `iam ${principal}`, scopes: allScopes };
    }
    const subject = textAt(authorizer, "jwt", "claims", "sub") ?? textAt(authorizer, "jwt", "claims", "client_id");
    const name = subject === undefined ? elsewhere : `jwt ${subject.slice(0, 100)}`;
    return { name, scopes: auth.grants === undefined ? allScopes : granted(auth.grants, scopesOfJwt(authorizer)) };
  };
}

function granted(
  grants: NonNullable<Extract<ApiAuth, { kind: "jwt" }>["grants"]>,
  given: ReadonlySet<string>,
): ReadonlySet<ApiScope> {
  return new Set(apiScopes.filter((scope) => grants[scope]?.some((each) => given.has(each))));
}

/** The scopes in a token's claims: `scope` (a text) or `scp` (a text, or a list, which API Gateway writes as `[a b]`). */
function scopesOfJwt(authorizer: unknown): ReadonlySet<string> {
  const claims = at(at(authorizer, "jwt"), "claims");
  const given = [at(claims, "scope"), at(claims, "scp")].flat();
  const texts = given.filter((each) => typeof each === "string");
  return new Set(
    texts.flatMap((text) => text.replace(/^\[(.*)\]$/, "$1").split(/[\s,]+/)).filter((word) => word !== ""),
  );
}

function textAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = keys.reduce(at, value);
  return typeof found === "string" && found !== "" ? found : undefined;
}

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
