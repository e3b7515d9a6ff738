/**
 * The protocol of a job's delivery as a state machine, small enough to be explored whole: SQS delivers at least once, a
 * worker claims, runs, commits, sends what follows, settles. Anything may fail between two steps, and the process may die
 * before and after each of them. A job that only writes is run at its message's first receipt, and then claimed and
 * committed in one step together with others; whatever stands in the way of that, it is claimed as any other, having run.
 *
 * One job with one follow-up. What follows from a follow-up that is sent twice is in the model too: `copies` messages of
 * one job id are in the queue at the beginning.
 */

/** What the protocol promises; the ledger's docs name them alike. */
export const invariants = [
  "no effect without a claim",
  "no second effect",
  "a done job stays done",
  "a cancelled job never begins",
  "no follow-up of an undone job",
  "no lost follow-up",
  "no second follow-up",
  "no lost job",
  "a crash is counted at most once",
  "nothing is running for ever",
] as const;

/** One of the protocol's promises. */
export type Invariant = (typeof invariants)[number];

/** How much may happen; the number of states grows steeply with each of them. */
export interface Bounds {
  /** Messages of the job in the queue at the beginning: a producer may send twice. */
  readonly copies: number;
  /** Deliveries at the same time. */
  readonly workers: number;
  /** The job type's attempts. */
  readonly attempts: number;
  /** Receipts of a message after which SQS itself moves it to the dead-letter queue. */
  readonly receipts: number;
  /** Deliveries of messages that were deleted before. */
  readonly ghosts: number;
  /** Dead letters that somebody sends back. */
  readonly redrives: number;
  /** Processes that die. */
  readonly crashes: number;
  /** Wishes to cancel the job. */
  readonly cancels: number;
  /** Whether the job only writes. Default: it does not. */
  readonly grouped?: boolean;
}

/** A mistake that the protocol could have had: each breaks a promise, which shows that the exploration would find it. */
export const mistakes = [
  "deletes before it commits",
  "sends before it commits",
  "clears before it sends",
  "claims outside the transaction",
  "forgets the outbox of a duplicate",
  "takes a message that was sent back for a second delivery",
  "deletes before the dead letter is sent",
  "counts a start twice",
  "makes the follow-up's id at each send",
  "cancels what is claimed",
  "writes a failure over a cancellation",
  "commits a group without its claims",
] as const;

/** One of the mistakes. */
export type Mistake = (typeof mistakes)[number];

interface Message {
  /** `gone`: deleted, but a ghost of it may still be delivered. */
  readonly place: "queue" | "gone";
  readonly receipts: number;
  /** Whether the ledger's row says that this message is the one that died. */
  readonly died: boolean;
}

type Step =
  | "run ahead"
  | "commit group"
  | "claim"
  | "mark"
  | "run"
  | "commit"
  | "send"
  | "clear"
  | "letter"
  | "record dead"
  | "record retry"
  | "delete";

interface Worker {
  readonly step: Step;
  /** Index into the messages. */
  readonly message: number;
  readonly attempt: number;
  /** Whether its transaction holds the job's row. */
  readonly holds: boolean;
  /** What the handler has come to that ran before its claim. */
  readonly ran?: "failed" | "succeeded";
}

/** Everything there is at one moment. */
export interface State {
  /** The ledger's row; `new` is none. */
  readonly row: "new" | "retry" | "done" | "dead" | "cancelled";
  readonly attempts: number;
  /** Attempts that began and of which nobody has said how they ended, as the ledger has them. */
  readonly starts: number;
  /** Whether the ledger's outbox has the follow-up. */
  readonly owes: boolean;
  readonly messages: readonly Message[];
  readonly workers: readonly (Worker | null)[];
  /** What the world has seen: committed effects, follow-ups by their ids, a dead letter that waits. */
  readonly effects: number;
  readonly followUps: number;
  readonly letter: boolean;
  /** Attempts that truly began. */
  readonly begun: number;
  readonly ghosts: number;
  readonly redrives: number;
  readonly crashes: number;
  readonly cancels: number;
}

/** What can happen, and the state after it. */
export interface Move {
  readonly what: string;
  readonly state: State;
}

const newMessage: Message = { place: "queue", receipts: 0, died: false };

/** The job's messages wait in the queue; nothing has happened. */
export function begin({ copies, workers, ghosts, redrives, crashes, cancels }: Bounds): State {
  return {
    row: "new",
    attempts: 0,
    starts: 0,
    owes: false,
    messages: Array.from({ length: copies }, () => newMessage),
    workers: Array.from({ length: workers }, () => null),
    effects: 0,
    followUps: 0,
    letter: false,
    begun: 0,
    ghosts,
    redrives,
    crashes,
    cancels,
  };
}

/** Whether nothing is left to be delivered. */
export function isSettled(state: State): boolean {
  return state.workers.every((worker) => worker === null) && state.messages.every(({ place }) => place === "gone");
}

/** Everything that can come next. */
export function movesOf(state: State, bounds: Bounds, mistake?: Mistake): Move[] {
  return [
    ...state.messages.flatMap((message, index) => messageMoves(state, message, index, bounds)),
    ...(state.letter && state.redrives > 0 ? [sendBack(state)] : []),
    ...cancel(state, mistake),
    ...state.workers.flatMap((worker, index) => {
      if (worker === null) return [];
      return [...crash(state, worker, index), ...workerMoves({ state, worker, index, bounds, mistake })];
    }),
  ];
}

/** What SQS does by itself. A message that is held may be delivered again at any time. */
function messageMoves(state: State, message: Message, index: number, bounds: Bounds): Move[] {
  if (message.place === "gone") {
    if (state.ghosts === 0) return [];
    return [{ what: "a ghost", state: { ...setMessage(state, index, { place: "queue" }), ghosts: state.ghosts - 1 } }];
  }
  if (message.receipts >= bounds.receipts) {
    if (state.workers.some((worker) => worker?.message === index)) return [];
    return [{ what: "SQS redrives", state: { ...setMessage(state, index, { place: "gone" }), letter: true } }];
  }
  const free = state.workers.indexOf(null);
  if (free < 0) return [];
  const received = setMessage(state, index, { receipts: message.receipts + 1 });
  const worker: Worker = { step: "claim", message: index, attempt: 0, holds: false };
  if (bounds.grouped && message.receipts === 0) {
    const running = { ...received, begun: received.begun + 1 };
    return [{ what: "delivered", state: setWorker(running, free, { ...worker, step: "run ahead" }) }];
  }
  return [{ what: "delivered", state: setWorker(received, free, worker) }];
}

/** Somebody sends the dead letter back: another message with the same job id. */
function sendBack(state: State): Move {
  const messages = [...state.messages, newMessage];
  return { what: "sent back", state: { ...state, messages, letter: false, redrives: state.redrives - 1 } };
}

/** Inserts the job's row, as a claim does; a row that is there, or that a claim holds, is left alone. */
function cancel(state: State, mistake: Mistake | undefined): Move[] {
  if (state.cancels === 0 || state.row !== "new") return [];
  if (isHeld(state) && mistake !== "cancels what is claimed") return [];
  return [{ what: "cancelled", state: { ...state, row: "cancelled", cancels: state.cancels - 1 } }];
}

/** The process dies: its transaction is rolled back, its message comes back. */
function crash(state: State, worker: Worker, index: number): Move[] {
  if (state.crashes === 0) return [];
  return [{ what: `crash at ${worker.step}`, state: { ...setWorker(state, index, null), crashes: state.crashes - 1 } }];
}

interface Turn {
  readonly state: State;
  readonly worker: Worker;
  readonly index: number;
  readonly bounds: Bounds;
  readonly mistake: Mistake | undefined;
}

function workerMoves(turn: Turn): Move[] {
  const { state, worker, mistake } = turn;
  const back = { what: `${worker.step} fails`, state: giveBack(turn) };
  switch (worker.step) {
    case "run ahead":
      return [
        { what: "the handler fails", state: go(turn, "claim", state, { ran: "failed" }) },
        { what: "cut short", state: giveBack(turn) },
        { what: "the handler succeeds", state: go(turn, "commit group", state, { ran: "succeeded" }) },
      ];
    case "commit group":
      return [back, { what: "not with others", state: go(turn, "claim", state) }, ...commitGroup(turn)];
    case "claim":
      return [back, ...claim(turn)];
    case "mark": {
      const starts = state.starts + (mistake === "counts a start twice" ? 2 : 1);
      return [back, { what: "marked", state: go(turn, "run", { ...state, starts, begun: state.begun + 1 }) }];
    }
    case "run":
      return run(turn);
    case "commit":
      return [back, ...commit(turn)];
    case "send": {
      const sent = {
        ...state,
        followUps: mistake === "makes the follow-up's id at each send" ? state.followUps + 1 : 1,
      };
      const lost = { what: "follow-up sent, answer lost", state: giveBack({ ...turn, state: sent }) };
      return [back, { what: "follow-up sent", state: go(turn, afterSend(turn), sent) }, lost];
    }
    case "clear": {
      const then = mistake === "clears before it sends" ? "send" : "delete";
      return [back, { what: "cleared", state: go(turn, then, { ...state, owes: false }) }];
    }
    case "letter":
      return [back, { what: "dead letter", state: go(turn, "record dead", { ...state, letter: true }) }];
    case "record dead":
      return record(turn, "dead").map((move) => ({ ...move, state: go(turn, "delete", move.state) }));
    case "record retry":
      return record(turn, "retry").map((move) => ({ ...move, state: giveBack({ ...turn, state: move.state }) }));
    case "delete":
      return [back, { what: "deleted", state: remove(turn) }];
  }
}

/** While another transaction holds the row this waits; the lock's timeout is the step's failure. */
function claim(turn: Turn): Move[] {
  const { state, worker, bounds, mistake } = turn;
  if (isHeld(state)) return [];
  const message = at(state.messages, worker.message);
  if (state.row === "done") {
    const owes = state.owes && mistake !== "forgets the outbox of a duplicate";
    return [{ what: "duplicate", state: go(turn, owes ? "send" : "delete", state) }];
  }
  const sentBack = !message.died && mistake !== "takes a message that was sent back for a second delivery";
  if (state.row === "cancelled") return [{ what: "cancelled before", state: go(turn, "delete", state) }];
  if (state.row === "dead" && !sentBack) return [{ what: "dead before", state: go(turn, "delete", state) }];
  const attempt = (state.row === "dead" ? 0 : state.attempts) + state.starts + 1;
  if (attempt > bounds.attempts) {
    return [{ what: "crashed too often", state: go(turn, "letter", state, { attempt: bounds.attempts }) }];
  }
  const mine = { attempt, holds: mistake !== "claims outside the transaction" };
  if (worker.ran !== undefined) return [{ what: "claimed", state: go(turn, "run", state, mine) }];
  if (message.receipts > 1) return [{ what: "claimed", state: go(turn, "mark", state, mine) }];
  return [{ what: "claimed", state: go(turn, "run", { ...state, begun: state.begun + 1 }, mine) }];
}

function run(turn: Turn): Move[] {
  const { state, worker, bounds, mistake } = turn;
  const isLast = worker.attempt >= bounds.attempts;
  const deletesFirst = mistake === "deletes before the dead letter is sent";
  const afterFailure = isLast ? (deletesFirst ? "delete" : "letter") : "record retry";
  let afterSuccess: Step = "commit";
  if (mistake === "deletes before it commits") afterSuccess = "delete";
  if (mistake === "sends before it commits") afterSuccess = "send";
  return [
    { what: "the handler fails", state: go(turn, afterFailure, state, { holds: false }) },
    { what: "cut short", state: giveBack(turn) },
    ...(worker.ran === "failed" ? [] : [{ what: "the handler succeeds", state: go(turn, afterSuccess, state) }]),
  ];
}

/** Claim, effects and follow-up at once, for a job that can be claimed and whose crashes need no counting. */
function commitGroup(turn: Turn): Move[] {
  const { state, worker, mistake } = turn;
  const { died } = at(state.messages, worker.message);
  const isOpen = state.row === "new" || state.row === "retry" || (state.row === "dead" && !died);
  const isClaimed = !isHeld(state) && isOpen && state.starts === 0;
  if (!isClaimed && mistake !== "commits a group without its claims") return [];
  const attempt = (state.row === "dead" ? 0 : state.attempts) + 1;
  return commit({ ...turn, worker: { ...worker, attempt } });
}

/** Committed, or committed without the worker's hearing of it; that it was not is the step's failure. */
function commit(turn: Turn): Move[] {
  const { state, worker, mistake } = turn;
  const effects = { row: "done", attempts: worker.attempt, starts: 0, owes: true, effects: state.effects + 1 } as const;
  const done: State = { ...state, ...effects };
  const then =
    mistake === "clears before it sends" ? "clear" : mistake === "sends before it commits" ? "delete" : "send";
  return [
    { what: "committed", state: go(turn, then, done, { holds: false }) },
    { what: "committed, answer lost", state: giveBack({ ...turn, state: done }) },
  ];
}

function afterSend({ state, mistake }: Turn): Step {
  if (mistake === "clears before it sends") return "delete";
  return mistake === "sends before it commits" && state.row !== "done" ? "commit" : "clear";
}

/** A line in the ledger, outside of any transaction; when the database is away or the row is held, there is none. */
function record({ state, worker, mistake }: Turn, row: "retry" | "dead"): Move[] {
  const skipped = { what: "not recorded", state };
  if (isHeld(state)) return [skipped];
  if (state.row === "done") return [skipped, { what: "done meanwhile", state: { ...state, starts: 0 } }];
  if (state.row === "cancelled" && mistake !== "writes a failure over a cancellation") return [skipped];
  // A late word of the message that died; whoever has sent the dead letter back has begun anew.
  if (state.row === "dead" && at(state.messages, worker.message).died) return [skipped];
  const written = { ...state, row, attempts: worker.attempt, starts: 0 };
  if (row === "retry") return [skipped, { what: "recorded retry", state: written }];
  const messages = state.messages.map((message, index) => ({ ...message, died: index === worker.message }));
  return [skipped, { what: "recorded dead", state: { ...written, messages } }];
}

function remove(turn: Turn): State {
  const { state, worker, mistake } = turn;
  const gone = setMessage(state, worker.message, { place: "gone" });
  const isOpen = state.row === "new" || state.row === "retry";
  if (mistake === "deletes before it commits" && worker.holds) return go(turn, "commit", gone);
  if (mistake === "deletes before the dead letter is sent" && isOpen) return go(turn, "letter", gone);
  return giveBack({ ...turn, state: gone });
}

const isHeld = (state: State): boolean => state.workers.some((worker) => worker?.holds);

/** The delivery is over; what its transaction holds is undone. */
const giveBack = ({ state, index }: Turn): State => setWorker(state, index, null);

function go({ worker, index }: Turn, step: Step, state: State, fields: Partial<Worker> = {}): State {
  return setWorker(state, index, { ...worker, ...fields, step });
}

function setWorker(state: State, number: number, worker: Worker | null): State {
  return { ...state, workers: state.workers.map((each, index) => (index === number ? worker : each)) };
}

function setMessage(state: State, number: number, fields: Partial<Message>): State {
  return {
    ...state,
    messages: state.messages.map((each, index) => (index === number ? { ...each, ...fields } : each)),
  };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
}
