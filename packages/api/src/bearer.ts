import { createHash, timingSafeEqual } from "node:crypto";
import { TendrilError } from "@tendril/core/errors";

/** Checks a request's `authorization` header. Error: `unauthorized`, which says nothing of the tokens. */
export type BearerCheck = (authorization: string | undefined) => void;

/** The shortest token that is taken, in characters. */
const shortestToken = 16;

/**
 * Makes the check from a secret: one token or several, apart by commas or white space, all of which are good; so a token
 * is replaced by adding the new one, moving the callers over, and taking the old one out. A token has at least 16 visible
 * ASCII characters. The comparison takes as long whatever is given. Error: `token_invalid`.
 */
export function bearerCheck(secret: string): BearerCheck {
  const digests = readTokens(secret).map(digestOf);
  return (authorization) => {
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? "")?.[1];
    const digest = digestOf(given ?? "");
    // Every token is compared, also after one that fits.
    const fits = digests.map((each) => timingSafeEqual(each, digest)).includes(true);
    if (given !== undefined && fits) return;
    throw new TendrilError("unauthorized", {
      where: "authorization",
      given:
        authorization === undefined ? "nothing" : given === undefined ? "no bearer token" : "a token that is not valid",
      allowed: "Bearer TOKEN",
    });
  };
}

function readTokens(secret: string): readonly string[] {
  const tokens = secret.split(/[\s,]+/).filter((token) => token !== "");
  const bad = tokens.find((token) => token.length < shortestToken || !/^[\x21-\x7e]+$/.test(token));
  if (tokens.length > 0 && bad === undefined) return tokens;
  throw new TendrilError("token_invalid", {
    where: "ApiToken",
    given: bad === undefined ? "no token" : `a token of ${bad.length} characters`,
    allowed: `tokens of at least ${shortestToken} visible ASCII characters`,
    fix: 'Make one, such as with `openssl rand -hex 32`, and set it with `npx sst secret set ApiToken "…"`.',
  });
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();
