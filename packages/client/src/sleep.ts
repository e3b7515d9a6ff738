/** Waits; rejects with the signal's reason when it aborts. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** `Sleep` by the machine's own timers, in every runtime. */
export const machineSleep: Sleep = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });

/**
 * How long to wait before a call is made again, in milliseconds: anything up to a ceiling that doubles from `fromMs` with
 * each call that failed, at most `toMs` (full jitter). `random` is at least 0 and less than 1.
 */
export function fullJitterMs(
  failed: number,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  random: number,
): number {
  return Math.round(random * Math.min(toMs, fromMs * 2 ** (failed - 1)));
}
