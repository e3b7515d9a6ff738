import { invalid } from "./constraints.ts";

/** What is asked of a list: at most `MaxResults` (default 100), after what `NextToken` says. */
export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/**
 * One page of what has an ARN, and the token of the next one when there is more. `after`: what comes after an ARN, in
 * order; no more of it is taken than a page needs. Throws `ValidationException` for a token that was not given out.
 */
export function pageOf<Item extends { readonly arn: string }>(
  after: (arn: string) => Iterable<Item>,
  request: PageRequest,
): { items: Item[]; nextToken: string | undefined } {
  const items: Item[] = [];
  for (const item of after(request.NextToken === undefined ? "" : readToken(request.NextToken))) {
    const last = items.at(-1);
    if (last && items.length === (request.MaxResults ?? 100)) return { items, nextToken: writeToken(last.arn) };
    items.push(item);
  }
  return { items, nextToken: undefined };
}

function writeToken(arn: string): string {
  return Buffer.from(arn).toString("base64url");
}

function readToken(token: string): string {
  const arn = Buffer.from(token, "base64url").toString();
  if (arn.startsWith("arn:") && writeToken(arn) === token) return arn;
  throw invalid("Invalid NextToken provided.");
}
