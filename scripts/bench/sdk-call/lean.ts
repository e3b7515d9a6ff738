/** The clients as the functions make them. */
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { callsOf } from "./calls.ts";

export const calls = callsOf(leanClient(new RDSDataClient()), leanClient(new SQSClient({ md5: false })));
