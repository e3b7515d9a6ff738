/** What is started cold. */
export interface Way {
  readonly name: string;
  /** The entry point, from the repository's root. */
  readonly source: string;
  /** The first event that it is given. */
  readonly event: "job" | "request" | "none";
  /** As the function's own environment has it. */
  readonly nodeOptions?: string;
  readonly sourcemap?: boolean;
  readonly splitting?: boolean;
  /** With V8's compile cache, warm. */
  readonly compileCache?: boolean;
}

/** As stacks/functions.ts has it. */
const deployed = { sourcemap: true, splitting: true } as const;
/** As Node has it: the map is read at each start. */
const maps = { nodeOptions: "--enable-source-maps", sourcemap: true } as const;
const here = "scripts/bench/cold-start";

/** The names that others are held against. */
export const floor = "empty handler";
export const peers = { job: "worker by hand", request: "API by hand" } as const;

const worker = "packages/functions/src/worker.ts";
const byHand = `${here}/by-hand-worker.ts`;

export const ways: readonly Way[] = [
  { name: floor, source: `${here}/empty.ts`, event: "none" },
  { name: "light parts, no SDK", source: `${here}/light.ts`, event: "job" },
  { name: "both SDK clients alone", source: `${here}/clients.ts`, event: "job" },
  { name: "worker", source: worker, event: "job", ...deployed },
  { name: "worker, in one file", source: worker, event: "job", sourcemap: true },
  { name: "worker, in one file, Node's source maps", source: worker, event: "job", ...maps },
  { name: "worker, compile cache", source: worker, event: "job", ...deployed, compileCache: true },
  { name: peers.job, source: byHand, event: "job" },
  { name: "worker by hand, no tracer", source: `${here}/by-hand-untraced.ts`, event: "job" },
  { name: "worker by hand, split", source: byHand, event: "job", splitting: true },
  { name: "worker by hand, Node's source maps", source: byHand, event: "job", ...maps },
  { name: "worker by hand, compile cache", source: byHand, event: "job", compileCache: true },
  { name: "API", source: "packages/functions/src/api.ts", event: "request", ...deployed },
  { name: "API, in one file", source: "packages/functions/src/api.ts", event: "request", sourcemap: true },
  { name: peers.request, source: `${here}/by-hand-api.ts`, event: "request" },
];
