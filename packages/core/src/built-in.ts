/** What every tier has of its own accord. */

/** The job type with which the ledger forgets old jobs; workers know it without the tier. No job type of a tier can have a dot in its name. */
export const purgeJobType = "tendril.purge";

/** The task name of the built-in schedule that sends it, refused in cron.yaml. */
export const purgeTask = "tendril-purge";

/** The job type that sends what a transaction of an application left in the outbox; see `createOutbox` of the client. */
export const relayJobType = "tendril.relay";
