import { hash, timingSafeEqual } from "node:crypto";
import { type ApiScope, apiScopes } from "@tendril/core/api-plan";
import { TendrilError } from "@tendril/core/errors";
import { type Access, allScopes } from "./access.ts";

/** A token that is good. Its text is not kept. */
export interface Token {
  /** SHA-256 of it: of one length, whatever is compared. */
  readonly digest: Uint8Array;
  readonly scopes: ReadonlySet<ApiScope>;
}

/** The shortest token that is taken, in characters. */
const shortestToken = 16;

/** A beginning that looks as if it named scopes. */
const scopesPattern = /^([a-z]+(?:\+[a-z]+)*):(.*)$/s;

/**
 * Reads the tokens in a secret: one or several, apart by commas or white space, each `TOKEN`, which may do everything, or
 * `SCOPES:TOKEN`, as in `enqueue:TOKEN` or `enqueue+read:TOKEN`. A token has at least 16 visible ASCII characters. Error:
 * `token_invalid`.
 */
export function readTokens(secret: string): readonly Token[] {
  const entries = secret.split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.length === 0) throw tokenInvalid("no token");
  return entries.map(readToken);
}

function readToken(entry: string): Token {
  const [, words, rest] = scopesPattern.exec(entry) ?? [];
  const given = words === undefined ? [] : words.split("+");
  const named = apiScopes.filter((scope) => given.includes(scope));
  // Never said: the words themselves, which may be the beginning of a token.
  if (named.length < new Set(given).size) throw tokenInvalid("a word before a colon that is no scope");
  const text = rest ?? entry;
  if (text.length < shortestToken || !/^[\x21-\x7e]+$/.test(text)) {
    throw tokenInvalid(`a token of ${text.length} characters`);
  }
  return { digest: digestOf(text), scopes: words === undefined ? allScopes : new Set(named) };
}

/**
 * Knows callers by their `authorization: Bearer TOKEN`. All tokens of the secret (see `readTokens`) are good, so one is
 * replaced by adding the new one, moving the callers over, and taking the old one out. The comparison takes as long
 * whatever is given. Error: `token_invalid`; of what it makes: `unauthorized`, which says nothing of the tokens.
 */
export function tokenAccess(secret: string): Access {
  const tokens = readTokens(secret);
  return ({ authorization }) => {
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? "")?.[1];
    const digest = digestOf(given ?? "");
    // Every token is compared, also after one that fits.
    const fits = tokens.map((token) => timingSafeEqual(token.digest, digest));
    const may = new Set(tokens.flatMap((token, index) => (fits[index] === true ? [...token.scopes] : [])));
    if (given !== undefined && may.size > 0) return { name: `token ${1 + fits.indexOf(true)}`, scopes: may };
    throw new TendrilError("unauthorized", {
      where: "authorization",
      given:
        authorization === undefined ? "nothing" : given === undefined ? "no bearer token" : "a token that is not valid",
      allowed: "Bearer TOKEN",
    });
  };
}

function tokenInvalid(given: string): TendrilError {
  return new TendrilError("token_invalid", {
    where: "ApiToken",
    given,
    allowed: `tokens of at least ${shortestToken} visible ASCII characters, each alone or after its scopes, as in enqueue+read:TOKEN; scopes are ${apiScopes.join(", ")}`,
    fix: 'Make one, such as with `openssl rand -hex 32`, and set it with `npx sst secret set ApiToken "…"`.',
  });
}

const digestOf = (text: string): Buffer => hash("sha256", text, "buffer");
