import { hash } from "node:crypto";
import type { Fault, FaultKind, FaultRates } from "./faults.ts";

/** Decides which events are struck by faults. */
export interface FaultSource {
  /** The next event at a site; undefined while faults are paused, when no event is counted. */
  event(site: string): FaultEvent | undefined;
  rates: FaultRates;
  isPaused: boolean;
}

/** One event at a site: what becomes of it follows from the seed, the site and its number there, and nothing else. */
export interface FaultEvent {
  /** Whether a fault of this kind strikes; each kind decides by itself. `rate` stands in for the kind's own. */
  strikes(kind: Fault["kind"], rate?: number): boolean;
  /** A number from `low` up to `high`, without it; `name` tells the numbers of one event apart. */
  between(name: string, low: number, high: number): number;
  /** Whole milliseconds between a tenth of the longest and the longest. */
  duration(name: string, longestMs: number): number;
  /** Tells of a fault that has struck. */
  report(kind: Fault["kind"], what: string, messageId?: string): void;
}

export interface FaultSourceOptions {
  readonly seed: string;
  readonly rates: FaultRates;
  readonly onFault: (fault: Fault) => void;
}

/** Draws faults from a seed. Each site has a stream of its own: how sites take turns changes nothing at any of them. */
export function openFaultSource(options: FaultSourceOptions): FaultSource {
  const events = new Map<string, number>();
  const source: FaultSource = {
    rates: options.rates,
    isPaused: false,
    event(site) {
      if (source.isPaused) return undefined;
      const number = (events.get(site) ?? 0) + 1;
      events.set(site, number);
      const draw = (name: string): number => uniform(JSON.stringify([options.seed, site, number, name]));
      const between: FaultEvent["between"] = (name, low, high) => low + draw(`how ${name}`) * (high - low);
      return {
        strikes: (kind, rate = rateOf(source.rates, kind)) => rate > 0 && draw(kind) < rate,
        between,
        duration: (name, longestMs) => Math.round(between(name, longestMs / 10, longestMs)),
        report: (kind, what, messageId) =>
          options.onFault({ kind, site, event: number, what, ...(messageId === undefined ? {} : { messageId }) }),
      };
    },
  };
  return source;
}

function rateOf(rates: FaultRates, kind: Fault["kind"]): number {
  return isFaultKind(rates, kind) ? rates[kind] : 0;
}

function isFaultKind(rates: FaultRates, kind: string): kind is FaultKind {
  return kind in rates;
}

/** A number from 0 up to 1, without it, as good as random. */
function uniform(text: string): number {
  return hash("sha256", text, "buffer").readUIntBE(0, 6) / 2 ** 48;
}
