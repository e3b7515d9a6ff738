import type { Clock, ClockTimer } from "../clock.ts";

/** What is to be done at which time: any number of entries, one timer of the clock. */
export interface Agenda {
  /** Does `run` once, when the clock reaches `timeMs` (never before this call returns), in place of what the key had. */
  set(key: string, timeMs: number, run: () => void): void;
  delete(key: string): void;
  /** Milliseconds since 1970; undefined when the key has nothing. */
  timeOf(key: string): number | undefined;
  /** Forgets everything, and takes nothing any more. */
  close(): void;
}

interface Entry {
  readonly key: string;
  readonly timeMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** An empty agenda; what is due at the same time is done in the order in which it was set. */
export function createAgenda(clock: Clock): Agenda {
  const entries = new Map<string, Entry>();
  let heap: Entry[] = [];
  let order = 0;
  let timer: { readonly timeMs: number; readonly clockTimer: ClockTimer } | undefined;
  let closed = false;
  const isCurrent = (entry: Entry): boolean => entries.get(entry.key) === entry;
  const first = (): Entry | undefined => {
    while (heap[0] && !isCurrent(heap[0])) pop(heap);
    return heap[0];
  };
  const wake = (): void => {
    const timeMs = first()?.timeMs;
    if (timer?.timeMs === timeMs) return;
    timer?.clockTimer.cancel();
    timer = timeMs === undefined ? undefined : { timeMs, clockTimer: clock.at(timeMs, work) };
  };
  const work = (): void => {
    timer = undefined;
    for (let due = first(); due && due.timeMs <= clock.now(); due = first()) {
      entries.delete(due.key);
      due.run();
    }
    wake();
  };
  return {
    set(key, timeMs, run) {
      if (closed) return;
      const entry = { key, timeMs, order: order++, run };
      entries.set(key, entry);
      push(heap, entry);
      // Entries that were deleted or replaced wait in the heap for their time: not more of them than of the others.
      if (heap.length > 2 * entries.size + 100) heap = [...entries.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
      wake();
    },
    delete(key) {
      if (entries.delete(key)) wake();
    },
    timeOf: (key) => entries.get(key)?.timeMs,
    close() {
      closed = true;
      entries.clear();
      wake();
    },
  };
}

const isBefore = (a: Entry, b: Entry): boolean => a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (!parent || !isBefore(entry, parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

/** Takes the first one out. */
function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const child = left && right && isBefore(right, left) ? right : left;
    if (!child || !isBefore(child, last)) break;
    heap[index] = child;
    index = child === left ? 2 * index + 1 : 2 * index + 2;
  }
  heap[index] = last;
}
