/** What the API needs of the database, in a file of its own: it is loaded when the first request needs it. */
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import type { JobStore } from "@tendril/core/job-record";
import type { DatabaseLink } from "@tendril/core/link";
import { createDatabase } from "@tendril/ledger/database";
import { createJobStore } from "@tendril/ledger/job-store";

/** Opens the ledger for those who ask about jobs. */
export function openJobStore(link: DatabaseLink): JobStore {
  return createJobStore(createDatabase({ client: leanClient(new RDSDataClient()), link }));
}
