import { invalid } from "./constraints.ts";

/** What is asked of a list: at most `MaxResults` (default 100), after what `NextToken` says. */
export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/**
 * One page of what has an ARN, in the order of the ARNs, and the token of the next one when there is more. Throws
 * `ValidationException` for a token that was not given out.
 */
export function pageOf<Item extends { readonly arn: string }>(
  all: readonly Item[],
  request: PageRequest,
): { items: Item[]; nextToken: string | undefined } {
  const after = request.NextToken === undefined ? "" : readToken(request.NextToken);
  const rest = all.filter(({ arn }) => arn > after).sort((a, b) => (a.arn < b.arn ? -1 : 1));
  const items = rest.slice(0, request.MaxResults ?? 100);
  const last = items.at(-1);
  return { items, nextToken: last && items.length < rest.length ? writeToken(last.arn) : undefined };
}

function writeToken(arn: string): string {
  return Buffer.from(arn).toString("base64url");
}

function readToken(token: string): string {
  const arn = Buffer.from(token, "base64url").toString();
  if (arn.startsWith("arn:") && writeToken(arn) === token) return arn;
  throw invalid("Invalid NextToken provided.");
}
