/** The SDK's clients as they come. */
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { callsOf } from "./calls.ts";

export const calls = callsOf(new RDSDataClient(), new SQSClient());
