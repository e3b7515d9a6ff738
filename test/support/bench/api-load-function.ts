/** The load test's apps as Lambda functions. */
import { lambdaHandler } from "@tendril/api/lambda-handler";
import { handle } from "hono/aws-lambda";
import { bareApp, openSqsClient, tendrilApp } from "./api-load-apps.ts";

const { LOAD_SQS_URL = "", LOAD_QUEUE_URL = "" } = process.env;
const sqs = openSqsClient(LOAD_SQS_URL);

export const bare = handle(bareApp(sqs, LOAD_QUEUE_URL));
export const tendril = lambdaHandler(tendrilApp(sqs, LOAD_QUEUE_URL));
