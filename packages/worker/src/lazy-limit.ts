import pLimit, { type LimitFunction } from "p-limit";

/** Runs work, a few at a time. */
export type Limit = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** At most `atOnce` at a time, 1 or more. What it takes is only made when it is used: most batches never need it. */
export function lazyLimit(atOnce: number): Limit {
  let limit: LimitFunction | undefined;
  return (work) => {
    limit ??= pLimit(atOnce);
    return limit(work);
  };
}
