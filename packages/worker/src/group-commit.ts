import type { GroupEnd, GroupedJob } from "@tendril/ledger/group-commit";
import type { Ledger } from "@tendril/ledger/ledger";
import type { Deadline } from "./deadline.ts";
import { type Limit, lazyLimit } from "./lazy-limit.ts";

/** What a group has made of a job. `away`: nobody knows; the next delivery will. */
export type Grouped = Exclude<GroupEnd, { kind: "unreached" }> | { readonly kind: "away"; readonly error: unknown };

/** The jobs of one batch that are committed together. */
export interface Group {
  /** Commits a job whose handler has succeeded, with those that come at about the same time. Does not reject. */
  commit(job: GroupedJob): Promise<Grouped>;
  /** No handler of the batch runs any more: what waits for others is committed now, and so is what comes later. */
  flush(): void;
  /** Runs what a group could not commit, a few at a time. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** How long a job waits for the other handlers of its batch, in milliseconds. */
const longestWaitMs = 1000;

interface Waiting {
  readonly job: GroupedJob;
  readonly end: (end: Grouped) => void;
}

/** The group of one invocation. `jobsAtOnce`: how many jobs of it are committed alone at the same time. */
export function openGroup(options: GroupOptions): Group {
  return new InvocationGroup(options);
}

interface GroupOptions {
  readonly ledger: Pick<Ledger, "commitGroup">;
  readonly deadline: Deadline;
  readonly jobsAtOnce: number;
}

class InvocationGroup implements Group {
  readonly #options: GroupOptions;
  readonly #oneByOne = lazyLimit(1);
  readonly #fewAtOnce: Limit;
  #waiting: Waiting[] = [];
  #isLast = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#fewAtOnce = lazyLimit(options.jobsAtOnce);
  }

  commit(job: GroupedJob): Promise<Grouped> {
    return new Promise((end) => {
      this.#waiting.push({ job, end });
      if (this.#isLast) this.#commitWaiting();
      else this.#timer ??= setTimeout(() => this.#commitWaiting(), longestWaitMs);
    });
  }

  flush(): void {
    this.#isLast = true;
    this.#commitWaiting();
  }

  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#fewAtOnce(work);
  }

  #commitWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#waiting;
    if (gathered.length === 0) return;
    this.#waiting = [];
    const { ledger, deadline } = this.#options;
    void this.#oneByOne(() => commitAll(gathered, ledger, deadline));
  }
}

/** With as many calls as are needed. Two groups with the same jobs claim them in the same order. */
async function commitAll(gathered: readonly Waiting[], ledger: Pick<Ledger, "commitGroup">, deadline: Deadline) {
  let left = gathered.toSorted(({ job: a }, { job: b }) => (a.jobId < b.jobId ? -1 : 1));
  while (left.length > 0) {
    const ends: readonly Grouped[] | readonly GroupEnd[] = await ledger
      .commitGroup(
        left.map(({ job }) => job),
        deadline.signal,
      )
      .catch((error: unknown) => left.map(() => ({ kind: "away" as const, error })));
    left = left.filter(({ end }, index) => {
      const ended = ends[index];
      if (ended === undefined || ended.kind === "unreached") return true;
      end(ended);
      return false;
    });
  }
}
