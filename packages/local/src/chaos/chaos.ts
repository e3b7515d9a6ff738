import type { Clock } from "../clock.ts";
import type { BatchEvent } from "../lambda/event-source-mapping.ts";
import type { Lambda } from "../lambda/lambda.ts";
import type { Weather } from "../sqs/weather.ts";
import type { Interceptor } from "../wire/service.ts";
import { callFaults } from "./call-faults.ts";
import { databaseFaults } from "./database-faults.ts";
import { deliveryFaults } from "./delivery-faults.ts";
import { openFaultSource } from "./fault-source.ts";
import {
  type CrashPoint,
  defaultDurations,
  defaultRates,
  type Fault,
  type FaultDurations,
  type FaultRates,
} from "./faults.ts";
import { processFaults } from "./process-faults.ts";

export interface ChaosOptions {
  /** Any text. One seed, one run: the same faults again. */
  readonly seed: string;
  /** Told of every fault, when it happens. Default: nobody. */
  readonly onFault?: (fault: Fault) => void;
  /** How often each fault strikes, 0 to 1; those that are left out keep their defaults (`defaultRates`). */
  readonly rates?: Partial<FaultRates>;
  /** How long those faults last that take time; those that are left out keep their defaults (`defaultDurations`). */
  readonly durations?: Partial<FaultDurations>;
  /** Where else functions' processes are killed. Default: nowhere. */
  readonly crashPoints?: readonly CrashPoint[];
}

/** Faults for the whole local AWS. */
export interface Chaos {
  readonly seed: string;
  /** From now on no fault strikes, and no event is counted. The switch of the database stays as it is. */
  pause(): void;
  /** Faults strike again. */
  resume(): void;
  /** Changes how often faults strike; those that are left out stay as they are. */
  setRates(rates: Partial<FaultRates>): void;
  /** Changes where else functions' processes are killed. */
  setCrashPoints(points: readonly CrashPoint[]): void;
  /** Switches the database off, for every call of the Data API (`DatabaseUnavailableException`), or on again. */
  setDatabaseAway(isAway: boolean): void;
  /** For `openSqs`. */
  readonly weather: Weather;
  /**
   * For `listen`. What waits, waits on the clock; `dropTransactions` is called when the database goes away, which ends
   * its transactions.
   */
  intercept(options: { readonly clock: Clock; readonly dropTransactions?: () => void }): Interceptor;
  /** For whoever invokes functions: the same Lambda, with faults. Processes of its own are killed at their calls. */
  strike(lambda: Lambda): Lambda;
  /** For the `onBatch` of a function's event source mapping. */
  onBatch(functionName: string, event: BatchEvent): void;
}

/**
 * Makes a source of faults, to be given to `startAwsEndpoints` or `startLocalTier`. Throws a RangeError for a rate that is
 * not between 0 and 1.
 */
export function createChaos(options: ChaosOptions): Chaos {
  checkRates(options);
  const { seed, onFault = () => {}, crashPoints = [] } = options;
  const durations = { ...defaultDurations, ...options.durations };
  const source = openFaultSource({ seed, rates: { ...defaultRates, ...options.rates }, onFault });
  const database = databaseFaults(source, durations);
  const processes = processFaults({ source, durations, crashPoints });
  const transactions: (() => void)[] = [];
  let switches = 0;
  return {
    seed,
    pause() {
      source.isPaused = true;
    },
    resume() {
      source.isPaused = false;
    },
    setRates(rates) {
      checkRates({ rates });
      source.rates = { ...source.rates, ...rates };
    },
    setCrashPoints(points) {
      checkRates({ crashPoints: points });
      processes.crashPoints = points;
    },
    setDatabaseAway(isAway) {
      if (isAway === database.isAway) return;
      database.isAway = isAway;
      if (isAway) for (const drop of transactions) drop();
      onFault({ kind: "database-away", site: "database switch", event: ++switches, what: isAway ? "away" : "back" });
    },
    weather: deliveryFaults(source, durations),
    intercept({ clock, dropTransactions }) {
      if (dropTransactions) transactions.push(dropTransactions);
      return callFaults({ source, durations, database, processes, clock });
    },
    strike: processes.strike,
    onBatch: processes.batch,
  };
}

function checkRates({ rates = {}, crashPoints = [] }: Pick<ChaosOptions, "rates" | "crashPoints">): void {
  const all = [...Object.entries(rates), ...crashPoints.map(({ name, rate }) => [name, rate] as const)];
  for (const [name, rate] of all) {
    if (!(rate >= 0 && rate <= 1)) throw new RangeError(`The rate of "${name}" is ${rate}; 0 to 1 is allowed.`);
  }
}
