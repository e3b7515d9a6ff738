import { AwsError } from "../wire/aws-error.ts";
import type { ReadCall } from "../wire/service.ts";
import type { FaultSource } from "./fault-source.ts";
import type { FaultDurations } from "./faults.ts";

/** A database that sleeps or is away. */
export interface DatabaseFaults {
  /** Throws what the Data API says to a call that it cannot run now. */
  refuse(call: ReadCall, nowMs: number): void;
  isAway: boolean;
}

/**
 * While the database resumes, what begins is refused: a transaction, a statement outside of one. Open transactions go on:
 * a database that has any does not sleep. One that is away refuses everything.
 */
export function databaseFaults(source: FaultSource, durations: FaultDurations): DatabaseFaults {
  let resumesUntilMs = 0;
  const faults: DatabaseFaults = {
    isAway: false,
    refuse({ service, input }, nowMs) {
      if (service !== "rdsdata") return;
      if (faults.isAway) throw new AwsError("DatabaseUnavailableException", "The database is not available.");
      if (source.isPaused || isInTransaction(input)) return;
      if (nowMs < resumesUntilMs) throw resuming();
      const event = source.event("database");
      if (!event?.strikes("database-resuming")) return;
      const resumingMs = event.duration("database-resuming", durations.resumingMs);
      resumesUntilMs = nowMs + resumingMs;
      event.report("database-resuming", `resumes for ${resumingMs} ms`);
      throw resuming();
    },
  };
  return faults;
}

function isInTransaction(input: unknown): boolean {
  return typeof input === "object" && input !== null && "transactionId" in input && input.transactionId !== undefined;
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.troubleshooting.html */
function resuming(): AwsError {
  const message =
    "The Aurora DB instance is resuming after being auto-paused. Please wait a few seconds and try again.";
  return new AwsError("DatabaseResumingException", message);
}
