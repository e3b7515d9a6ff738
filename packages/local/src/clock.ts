/**
 * The one source of time of the local AWS: everything that waits, waits on a clock, so that tests move time instead of
 * sleeping.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Calls `run` once, when the clock reaches `timeMs` (at once, but never before this call returns, when that is past). */
  at(timeMs: number, run: () => void): ClockTimer;
}

export interface ClockTimer {
  /** Does nothing when the timer has run already. */
  cancel(): void;
}

/** A clock that stands still until it is moved. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward, running every timer that falls due, in order of time, each with the clock at its own time.
   * Between timers the event loop gets its turn, so that what a timer started can set the next one.
   */
  advance(milliseconds: number): Promise<void>;
}

/** setTimeout's longest delay, in milliseconds: a longer wait is made of several. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The machine's own time. Its timers do not keep the process alive. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    at(timeMs, run) {
      let timeout: NodeJS.Timeout;
      const wait = (): void => {
        const leftMs = timeMs - Date.now();
        timeout = leftMs > longestTimeoutMs ? setTimeout(wait, longestTimeoutMs) : setTimeout(run, Math.max(0, leftMs));
        timeout.unref();
      };
      wait();
      return { cancel: () => clearTimeout(timeout) };
    },
  };
}

/**
 * A clock for tests, standing at `startMs` until `advance` is called. `turn` is waited for between timers; default: one
 * turn of the event loop.
 */
export function virtualClock(startMs: number, turn = nextTurn): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  const timers = new Set<{ timeMs: number; order: number; run: () => void }>();
  const next = (untilMs: number) =>
    [...timers].filter((timer) => timer.timeMs <= untilMs).sort((a, b) => a.timeMs - b.timeMs || a.order - b.order)[0];
  return {
    now: () => nowMs,
    at(timeMs, run) {
      const timer = { timeMs, order: order++, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(milliseconds) {
      const untilMs = nowMs + milliseconds;
      await turn();
      for (let timer = next(untilMs); timer; timer = next(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.timeMs);
        timer.run();
        await turn();
      }
      nowMs = untilMs;
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
