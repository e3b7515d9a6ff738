import type { FunctionError } from "./invocation.ts";
import type { NextInvocation } from "./runtime-client.ts";

/** What a handler is given as its second argument. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface HandlerContext {
  readonly functionName: string | undefined;
  readonly functionVersion: string | undefined;
  /** A string, as on Lambda. */
  readonly memoryLimitInMB: string | undefined;
  readonly logGroupName: string | undefined;
  readonly logStreamName: string | undefined;
  readonly invokedFunctionArn: string;
  readonly awsRequestId: string;
  /** What `_X_AMZN_TRACE_ID` says during the invocation. */
  readonly xRayTraceId: string;
  /** Milliseconds until the function's process is killed. */
  getRemainingTimeInMillis(): number;
}

/** The context of one invocation, from the environment's variables and the invocation's headers. */
export function createContext(invocation: NextInvocation): HandlerContext {
  return {
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: invocation.functionArn,
    awsRequestId: invocation.requestId,
    xRayTraceId: invocation.traceId,
    getRemainingTimeInMillis: () => invocation.deadlineMs - Date.now(),
  };
}

/** Anything thrown, as Lambda's runtime for Node words it. */
export function errorBody(error: unknown): FunctionError {
  try {
    if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
    // Its fields may be anything: what is no string has no `replaceAll` and cannot be told.
    const [errorType, errorMessage] = [error.name, error.message].map((text) => text.replaceAll("\x7f", "%7F"));
    return { errorType: errorType ?? "", errorMessage: errorMessage ?? "", trace: (error.stack ?? "").split("\n") };
  } catch {
    return { errorType: "handled", errorMessage: untellable, trace: [] };
  }
}

const untellable =
  "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
