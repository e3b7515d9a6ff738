import type * as sqs from "@aws-sdk/client-sqs";
import type { Handlers } from "../wire/service.ts";

/** A function for each action of SQS, from the SDK's input to its output. */
export type SqsHandlers = Handlers<typeof sqs>;
