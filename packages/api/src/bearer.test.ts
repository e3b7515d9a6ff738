import { apiScopes } from "@tendril/core/api-plan";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Caller } from "./access.ts";
import { tokenAccess } from "./bearer.ts";

/** Texts of any length that begin alike, so that they differ late, early, or by their length alone. */
const tail = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 });
const token = fc.tuple(fc.constantFrom("same-beginning-of", "c".repeat(200)), tail).map((parts) => parts.join(""));
const entry = fc.record({ token, scopes: fc.option(fc.uniqueArray(fc.constantFrom(...apiScopes), { minLength: 1 })) });

const wordEntry = ({ token: text, scopes }: { token: string; scopes: string[] | null }): string =>
  scopes === null ? text : `${scopes.join("+")}:${text}`;

function callerOf(secret: string, given: string): Caller | string {
  try {
    return tokenAccess(secret)({ authorization: `Bearer ${given}`, source: undefined, authorizer: undefined });
  } catch (error) {
    return String(Reflect.get(Object(error), "code"));
  }
}

// That each token is compared, also behind one that fits, is seen by tokens that stand there twice: all their scopes count.
test("whatever tokens there are, one that is given may do what all entries of it may, and any other is refused", () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), token, (entries, given) => {
      const fitting = entries.filter((each) => each.token === given);
      const scopes = new Set(fitting.flatMap((each) => each.scopes ?? [...apiScopes]));
      const name = `token ${1 + entries.findIndex((each) => each.token === given)}`;
      const found = callerOf(entries.map(wordEntry).join(","), given);
      expect(found).toEqual(fitting.length === 0 ? "unauthorized" : { name, scopes });
    }),
    { numRuns: 500 },
  );
});

test("a part of a token, or one with more behind it, is another token, wherever the good one stands", () => {
  const good = "0123456789abcdef-the-good-one";
  const others = ["other-token-other-token", "x".repeat(500), "0123456789abcdef"];
  for (let place = 0; place <= others.length; place += 1) {
    const secret = others.toSpliced(place, 0, good).join(" ");
    expect(callerOf(secret, good)).toMatchObject({ name: `token ${place + 1}` });
    for (let length = 0; length < good.length; length += 1) {
      if (length !== 16) expect(callerOf(secret, good.slice(0, length)), `${length}`).toBe("unauthorized");
    }
    expect(callerOf(secret, `${good}e`)).toBe("unauthorized");
  }
});
