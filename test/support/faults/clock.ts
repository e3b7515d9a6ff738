import { type Clock, virtualClock } from "@tendril/local/clock";

/** A clock that is faster than the machine's, and hurries while functions have nothing to do. */
export interface HurriedClock extends Clock {
  /** Milliseconds by which it is ahead of the machine's. */
  aheadMs(): number;
  stop(): void;
}

const tickMs = 5;

/**
 * Minutes of waiting (visibility timeouts, backoffs, delays) go by in a moment: `pace` says how many times as fast as the
 * machine's this clock is now. Functions' processes see the machine's time: the further the campaign goes, the more their
 * clocks are behind AWS's.
 */
export function hurriedClock(pace: () => number): HurriedClock {
  const clock = virtualClock(Date.now());
  let stopped = false;
  let lastMs = performance.now();
  const run = async (): Promise<void> => {
    while (!stopped) {
      await new Promise((resolve) => setTimeout(resolve, tickMs));
      const nowMs = performance.now();
      const passedMs = nowMs - lastMs;
      lastMs = nowMs;
      await clock.advance(passedMs * pace());
    }
  };
  void run();
  return {
    now: () => clock.now(),
    at: (timeMs, callback) => clock.at(timeMs, callback),
    aheadMs: () => clock.now() - Date.now(),
    stop() {
      stopped = true;
    },
  };
}
