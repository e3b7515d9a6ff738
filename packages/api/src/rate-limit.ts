/** How often each caller may call. */
export interface RateLimit {
  /** Takes one request of the caller's, and says 0, or how many milliseconds from now the next one is free. */
  take(caller: string): number;
}

/** What `createRateLimit` takes. */
export interface RateLimitOptions {
  /** Requests a second. */
  readonly rate: number;
  /** Requests at once. */
  readonly burst: number;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Callers that are remembered; the one that was away longest is forgotten first, and may start anew. */
const mostCallers = 10_000;

/** Parts of a request that arithmetic may lose. */
const rounding = 1e-6;

/** A token bucket for each caller, in this process alone. */
export function createRateLimit({ rate, burst, now }: RateLimitOptions): RateLimit {
  const buckets = new Map<string, { readonly left: number; readonly atMs: number }>();
  return {
    take(caller) {
      const nowMs = now();
      const { left, atMs } = buckets.get(caller) ?? { left: burst, atMs: nowMs };
      // A clock that was set back fills no bucket, and empties none.
      const filled = Math.min(burst, left + (Math.max(0, nowMs - atMs) * rate) / 1000);
      const free = filled > 1 - rounding;
      buckets.delete(caller);
      buckets.set(caller, { left: free ? filled - 1 : filled, atMs: nowMs });
      const [oldest] = buckets.size > mostCallers ? buckets.keys() : [];
      if (oldest !== undefined) buckets.delete(oldest);
      return free ? 0 : Math.ceil(((1 - rounding - filled) * 1000) / rate);
    },
  };
}
