import { createHash } from "node:crypto";
import { AwsError } from "../wire/aws-error.ts";

/** A ClientToken and the request that came with it: the same request sent again is answered, and done, once. */
export interface ClientToken {
  readonly id: string;
  /** Of the request without its token. */
  readonly digest: string;
}

interface Request {
  readonly ClientToken?: string | undefined;
}

/** The token of a request; undefined when it has none. SDKs make one for each call, and keep it when they retry. */
export function tokenOf(request: Request): ClientToken | undefined {
  const { ClientToken: id, ...rest } = request;
  if (id === undefined) return undefined;
  return { id, digest: createHash("sha256").update(canonicalJson(rest)).digest("base64url") };
}

/**
 * Whether `request` is the one that `before` came with, sent again. Throws `ConflictException` when it only shares the
 * token.
 */
export function isRepeated(request: Request, before: ClientToken | undefined): boolean {
  if (before === undefined || before.id !== request.ClientToken) return false;
  if (tokenOf(request)?.digest === before.digest) return true;
  throw new AwsError("ConflictException", `ClientToken ${before.id} was used for a different request.`);
}

/** Remembers the tokens of deletions, which leave nothing behind that could keep them. */
export interface RecentTokens {
  /** Whether this very request was remembered. Throws `ConflictException` when it only shares the token. */
  has(request: Request): boolean;
  remember(request: Request): void;
}

/** Remembers the last thousand, in memory: a retry comes within seconds. */
export function recentTokens(): RecentTokens {
  const tokens = new Map<string, ClientToken>();
  return {
    has: (request) => isRepeated(request, tokens.get(request.ClientToken ?? "")),
    remember(request) {
      const token = tokenOf(request);
      if (token) tokens.set(token.id, token);
      const [oldest] = tokens.keys();
      if (tokens.size > 1000 && oldest !== undefined) tokens.delete(oldest);
    },
  };
}

/** The same text whatever the order of the members. */
function canonicalJson(value: object): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
