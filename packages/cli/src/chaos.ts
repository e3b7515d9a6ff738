import { type Chaos, createChaos } from "@tendril/local/chaos/chaos";
import type { Fault } from "@tendril/local/chaos/faults";
import { paint } from "./paint.ts";

/** What `--chaos SEED` asks for, each fault shown as a line; nothing without a seed. */
export function chaosOf(seed: string | undefined): { chaos?: Chaos } {
  return seed === undefined ? {} : { chaos: createChaos({ seed, onFault: (fault) => console.log(faultLine(fault)) }) };
}

function faultLine({ kind, site, event, what, messageId = "" }: Fault): string {
  const time = new Date().toTimeString().slice(0, 8);
  return paint("dim", `${time}  chaos      ${kind}  ${site} #${event}: ${what}  ${messageId}`.trimEnd());
}
