import { type Claims, createClaims } from "@tendril/client/claims";
import { readClaimsLink } from "@tendril/core/link";
import type { Tier } from "@tendril/core/tier";

/** Where the tier keeps inputs that are too large for a message; undefined when it refuses them. Error: `link_missing`. */
export function claimsOf({ largeInputs }: Tier, links: Readonly<Record<string, unknown>>): Claims | undefined {
  return largeInputs === "s3" ? createClaims({ link: readClaimsLink(links) }) : undefined;
}
