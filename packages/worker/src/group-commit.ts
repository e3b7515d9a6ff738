import type { GroupEnd, GroupedJob } from "@tendril/ledger/group-commit";
import type { Ledger } from "@tendril/ledger/ledger";
import type { Deadline } from "./deadline.ts";
import { lazyLimit } from "./lazy-limit.ts";

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
export function openGroup({
  ledger,
  deadline,
  jobsAtOnce,
}: {
  readonly ledger: Pick<Ledger, "commitGroup">;
  readonly deadline: Deadline;
  readonly jobsAtOnce: number;
}): Group {
  let waiting: Waiting[] = [];
  let isLast = false;
  let timer: NodeJS.Timeout | undefined;
  const oneByOne = lazyLimit(1);
  const commitWaiting = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const gathered = waiting;
    waiting = [];
    if (gathered.length > 0) void oneByOne(() => commitAll(gathered, ledger, deadline));
  };
  return {
    commit: (job) =>
      new Promise((end) => {
        waiting.push({ job, end });
        if (isLast) commitWaiting();
        else timer ??= setTimeout(commitWaiting, longestWaitMs);
      }),
    flush() {
      isLast = true;
      commitWaiting();
    },
    alone: lazyLimit(jobsAtOnce),
  };
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
