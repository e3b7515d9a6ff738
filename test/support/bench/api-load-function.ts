/** The load test's apps as Lambda functions. */
import { lambdaHandler } from "@tendril/api/lambda-handler";
import { handle } from "hono/aws-lambda";
import { bareApp, openApiClient, openSqsClient, tendrilApp } from "./api-load-apps.ts";

const { LOAD_SQS_URL = "", LOAD_QUEUE_URL = "" } = process.env;

export const bare = handle(bareApp(openSqsClient(LOAD_SQS_URL), LOAD_QUEUE_URL));
export const tendril = lambdaHandler(tendrilApp(openApiClient(LOAD_SQS_URL), LOAD_QUEUE_URL));
