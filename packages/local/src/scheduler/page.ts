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
  const size = request.MaxResults ?? 100;
  const first = firstOf(all, after, size + 1);
  const items = first.slice(0, size);
  const last = items.at(-1);
  return { items, nextToken: last && first.length > size ? writeToken(last.arn) : undefined };
}

/** The first `count` after `after`, in order. Sorts no more than a few of them at a time: of thousands, a page is asked. */
function firstOf<Item extends { readonly arn: string }>(all: readonly Item[], after: string, count: number): Item[] {
  let first: Item[] = [];
  let last: string | undefined;
  const cut = (): void => {
    first = first.sort((a, b) => (a.arn < b.arn ? -1 : 1)).slice(0, count);
    if (first.length === count) last = first.at(-1)?.arn;
  };
  for (const item of all) {
    if (item.arn <= after || (last !== undefined && item.arn > last)) continue;
    first.push(item);
    if (first.length >= 4 * count) cut();
  }
  cut();
  return first;
}

function writeToken(arn: string): string {
  return Buffer.from(arn).toString("base64url");
}

function readToken(token: string): string {
  const arn = Buffer.from(token, "base64url").toString();
  if (arn.startsWith("arn:") && writeToken(arn) === token) return arn;
  throw invalid("Invalid NextToken provided.");
}
