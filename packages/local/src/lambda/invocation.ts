/** Lambda's limit on the payload of a synchronous invocation, in bytes. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const maxPayloadBytes = 6_291_456;

/** An error as Lambda words it: what a runtime posts, and what an invocation answers with. */
export interface FunctionError {
  /** The error's name, e.g. "TypeError", or one of Lambda's own, e.g. "Sandbox.Timedout". */
  readonly errorType: string;
  readonly errorMessage: string;
  /** The error's stack, line by line. Empty when there is none. */
  readonly trace: readonly string[];
}

/** What is known of an invocation that reached a handler. */
export interface InvocationRun {
  readonly requestId: string;
  /** Milliseconds of the machine's own time, whatever the clock says. */
  readonly durationMs: number;
}

export type Succeeded = { readonly kind: "succeeded"; readonly payload: string } & InvocationRun;
export type Failed = { readonly kind: "failed" } & FunctionError & InvocationRun;
export type TimedOut = { readonly kind: "timed-out" } & FunctionError & InvocationRun;
export type Crashed = { readonly kind: "crashed" } & FunctionError & InvocationRun;
export type InitFailed = { readonly kind: "init-failed" } & FunctionError;
export type Throttled = { readonly kind: "throttled" };

/**
 * How an invocation ended:
 * - succeeded: the handler returned; `payload` is its answer as JSON;
 * - failed: the handler threw, or its answer was refused;
 * - timed-out: the function's timeout passed and its process was killed;
 * - crashed: the process ended before it answered;
 * - init-failed: the handler's module does not load, so nothing ran;
 * - throttled: the reserved concurrency is used up, so nothing ran.
 */
export type Invocation = Succeeded | Failed | TimedOut | Crashed | InitFailed | Throttled;

/** One line that a function wrote. Between invocations, and while its module loads, there is no request id. */
export interface FunctionLogLine {
  readonly functionName: string;
  readonly requestId?: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}
