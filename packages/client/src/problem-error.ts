import { type ErrorCode, errorCatalogue, TendrilError } from "@tendril/core/errors";

/** What the gateway before the API answers by itself, with no code of Tendril's. */
const codesOfGateway: Readonly<Record<number, ErrorCode>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "route_unknown",
  413: "body_too_large",
  429: "rate_limited",
};

/**
 * The error that problem details (RFC 9457) tell of: the API's own code and facts. A code that this version does not know
 * is `request_failed`, and so is an answer without a code, but for those that a gateway gives.
 */
export function errorOfProblem(status: number, problem: unknown, where: string): TendrilError {
  const { code, detail, message, ...facts }: Record<string, unknown> =
    typeof problem === "object" && problem !== null ? { ...problem } : {};
  const known = isCode(code) ? code : codesOfGateway[status];
  const said = textOf(detail) ?? textOf(message);
  const given = `an answer of status ${status}${typeof code === "string" && !isCode(code) ? `, ${code.slice(0, 80)}` : ""}`;
  const fix = textOf(facts.fix) ?? (textOf(facts.given) === undefined ? said : undefined);
  return new TendrilError(known ?? "request_failed", {
    where: textOf(facts.where) ?? where,
    given: textOf(facts.given) ?? given,
    allowed: textOf(facts.allowed) ?? "a request that the API takes",
    ...(fix === undefined ? {} : { fix }),
  });
}

const isCode = (code: unknown): code is ErrorCode => typeof code === "string" && Object.hasOwn(errorCatalogue, code);

/** Texts of the API are short; what is not comes from somewhere else. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, 2_000) : undefined;

/** The same error, of a request that may have been carried out all the same. */
export function outcomeUnknown(error: TendrilError): TendrilError {
  const { where, given, allowed } = error.facts;
  return new TendrilError(error.code, {
    ...(where === undefined ? {} : { where }),
    given,
    allowed,
    fix: "The job may have been taken, so it was not sent again: with a `key` that is safe, and is done for you.",
    cause: error,
  });
}
