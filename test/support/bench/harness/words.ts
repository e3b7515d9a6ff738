import { parseArgs } from "node:util";
import type { Bench } from "../bench.ts";

export const usage = `npm run bench -- [NAME …] [--short] [--json FILE]

  NAME          which benches; without one all of them
  --short       only what is the same on every machine: AWS calls, bytes, contents; never a time
  --json FILE   where the figures go besides; default bench.json
  --list        names the benches, and what each compares
  --help        says this

It ends with 0; with 1 when a bench failed or a figure exceeds its budget; with 2 when it was called wrongly; with 130 when
it was interrupted. A peer that is not on this machine is left out, which is said, and is no failure.`;

/** What the command line asks for. */
export type Words =
  | { readonly kind: "help" | "list" }
  | { readonly kind: "run"; readonly names: readonly string[]; readonly short: boolean; readonly json: string }
  | { readonly kind: "wrong"; readonly why: string };

/** Reads the command line. */
export function readWords(words: readonly string[]): Words {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        short: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        json: { type: "string", default: "bench.json" },
      },
    });
    if (values.help || values.list) return { kind: values.help ? "help" : "list" };
    return { kind: "run", names: positionals, short: values.short, json: values.json };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "wrong", why: why.replace(/ To specify a positional .*$/s, "") };
  }
}

/** Those of all benches that are asked for, in the order of all; without a name all. Or why it cannot be. */
export function chooseNames(all: readonly string[], names: readonly string[]): readonly string[] | string {
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0) return `There is no bench ${unknown.join(", ")}. There are ${all.join(", ")}.`;
  return names.length === 0 ? all : all.filter((name) => names.includes(name));
}

/** Those that have a short form; or why it cannot be, when one was asked for by name that has none. */
export function chooseShort(benches: readonly Bench[], byName: boolean): readonly Bench[] | string {
  const without = benches.filter(({ runShort }) => runShort === undefined).map(({ name }) => name);
  if (byName && without.length > 0) return `There is no short form of ${without.join(", ")}: all of it is time.`;
  return benches.filter(({ runShort }) => runShort !== undefined);
}
