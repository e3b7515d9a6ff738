import { type Bounds, begin, type Invariant, isSettled, type Mistake, movesOf, type State } from "./model.ts";

/** What an exploration has found. */
export interface Exploration {
  readonly states: number;
  readonly moves: number;
  /** For each promise that is broken, the shortest way there. */
  readonly broken: ReadonlyMap<Invariant, readonly string[]>;
}

interface Seen {
  readonly state: State;
  readonly from: string | undefined;
  readonly what: string;
}

/** Visits every state that can be reached within the bounds, the nearest first, and holds each against the promises. */
export function explore(bounds: Bounds, mistake?: Mistake): Exploration {
  const first = begin(bounds);
  const seen = new Map<string, Seen>([[keyOf(first), { state: first, from: undefined, what: "begin" }]]);
  const before = new Map<string, string[]>();
  const broken = new Map<Invariant, readonly string[]>();
  const blame = (found: readonly Invariant[], key: string): void => {
    for (const invariant of found) if (!broken.has(invariant)) broken.set(invariant, wayTo(seen, key));
  };
  let moves = 0;
  // A map gives what is added while it is walked through.
  for (const [key, { state }] of seen) {
    blame(brokenIn(state), key);
    for (const { what, state: after } of movesOf(state, bounds, mistake)) {
      moves += 1;
      const next = inOrder(after);
      const nextKey = keyOf(next);
      if (!seen.has(nextKey)) seen.set(nextKey, { state: next, from: key, what });
      const froms = before.get(nextKey);
      if (froms === undefined) before.set(nextKey, [key]);
      else froms.push(key);
      if (state.row === "done" && after.row !== "done") blame(["a done job stays done"], nextKey);
      if (state.row === "cancelled" && after.row !== "cancelled") blame(["a cancelled job never begins"], nextKey);
    }
  }
  const stuck = firstStuck(seen, before);
  if (stuck !== undefined) blame(["nothing is running for ever"], stuck);
  return { states: seen.size, moves, broken };
}

function brokenIn(state: State): Invariant[] {
  const { row, effects, followUps, owes, letter, begun } = state;
  // An attempt has its number before the mark that it begins.
  const isOvercounted = state.workers.some(
    (worker) => worker?.holds && worker.attempt > (worker.step === "mark" ? begun + 1 : begun),
  );
  const settled = isSettled(state);
  const checks: [Invariant, boolean][] = [
    ["no effect without a claim", effects > 0 !== (row === "done")],
    ["no second effect", effects > 1],
    ["no follow-up of an undone job", followUps > 0 && row !== "done"],
    ["no second follow-up", followUps > 1],
    ["a crash is counted at most once", isOvercounted],
    ["no lost job", settled && row !== "done" && row !== "cancelled" && !letter],
    // What is owed when nothing is left is owed by a job whose message lies among the dead letters: sent back, it pays.
    ["no lost follow-up", settled && row === "done" && followUps === 0 && !(owes && letter)],
  ];
  return checks.flatMap(([invariant, isBroken]) => (isBroken ? [invariant] : []));
}

/** A state from which the end cannot be reached any more. */
function firstStuck(
  seen: ReadonlyMap<string, Seen>,
  before: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const ending = new Set([...seen].flatMap(([key, { state }]) => (isSettled(state) ? [key] : [])));
  for (const key of ending) for (const from of before.get(key) ?? []) ending.add(from);
  return [...seen.keys()].find((key) => !ending.has(key));
}

function wayTo(seen: ReadonlyMap<string, Seen>, key: string): string[] {
  const way: string[] = [];
  for (let found = seen.get(key); found !== undefined; found = seen.get(found.from ?? "")) way.unshift(found.what);
  return way;
}

/** The same state with its messages and workers in a fixed order, without messages of which nothing can come any more. */
function inOrder(state: State): State {
  const isHeld = (number: number): boolean => state.workers.some((worker) => worker?.message === number);
  const kept = state.messages
    .map((message, number) => ({ message, number, key: JSON.stringify(message) }))
    .filter(({ message, number }) => message.place === "queue" || state.ghosts > 0 || isHeld(number))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const workers = state.workers
    .map((worker) => worker && { ...worker, message: kept.findIndex(({ number }) => number === worker.message) })
    .map((worker) => ({ worker, key: JSON.stringify(worker) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return { ...state, messages: kept.map(({ message }) => message), workers: workers.map(({ worker }) => worker) };
}

const keyOf = (state: State): string => JSON.stringify(state);
