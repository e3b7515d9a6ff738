import type { Clock } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import { ConnectionCut, type Interceptor, type ReadCall } from "../wire/service.ts";
import type { DatabaseFaults } from "./database-faults.ts";
import { failEntries } from "./entry-faults.ts";
import type { FaultEvent, FaultSource } from "./fault-source.ts";
import type { FaultDurations } from "./faults.ts";
import type { ProcessFaults } from "./process-faults.ts";

export interface CallFaultsOptions {
  readonly source: FaultSource;
  readonly durations: FaultDurations;
  readonly database: DatabaseFaults;
  readonly processes: ProcessFaults;
  readonly clock: Clock;
}

/** Faults of calls over the wire, of any service. */
export function callFaults({ source, durations, database, processes, clock }: CallFaultsOptions): Interceptor {
  return async (call, run) => {
    database.refuse(call, clock.now());
    const site = siteOf(call);
    const event = source.event(site);
    if (!event) return run(call.input);
    await slowDown(event, durations.slowMs, clock, call.context.signal);
    refuse(event, call.service);
    await processes.calls("before", call, site);
    const output = await failEntries(source, site, call, run);
    await processes.calls("after", call, site);
    if (event.strikes("answer-lost")) {
      event.report("answer-lost", "run, and its answer lost");
      throw new ConnectionCut();
    }
    return output;
  };
}

/** The operation, and of SQS the queue too. */
function siteOf({ operation, input }: ReadCall): string {
  const url: unknown = typeof input === "object" && input !== null && "QueueUrl" in input ? input.QueueUrl : undefined;
  return typeof url === "string" ? `${operation} ${url.slice(url.lastIndexOf("/") + 1)}` : operation;
}

async function slowDown(event: FaultEvent, slowMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!event.strikes("call-slow")) return;
  const waitMs = event.duration("call-slow", slowMs);
  event.report("call-slow", `run ${waitMs} ms late`);
  await new Promise<void>((resolve) => {
    const timer = clock.at(clock.now() + waitMs, resolve);
    signal.addEventListener("abort", () => {
      timer.cancel();
      resolve();
    });
  });
}

interface Refusal {
  readonly name: string;
  readonly status: number;
  readonly message: string;
}

/**
 * How each service words it; the SDK's clients know these names, or the status, as errors to try again:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html,
 * https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/CommonErrors.html,
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
 */
const refusals: Readonly<Record<string, { throttled: Refusal; failed: readonly [Refusal, Refusal] }>> = {
  sqs: {
    throttled: { name: "RequestThrottled", status: 403, message: "Request is throttled." },
    failed: [
      { name: "InternalFailure", status: 500, message: "We encountered an internal error. Please try again." },
      { name: "ServiceUnavailable", status: 503, message: "Service is temporarily unavailable." },
    ],
  },
  rdsdata: {
    throttled: { name: "ThrottlingException", status: 400, message: "Rate exceeded" },
    failed: [
      { name: "InternalServerErrorException", status: 500, message: "An internal error occurred." },
      { name: "ServiceUnavailableError", status: 503, message: "The service is unavailable." },
    ],
  },
  s3: {
    throttled: { name: "SlowDown", status: 503, message: "Please reduce your request rate." },
    failed: [
      { name: "InternalError", status: 500, message: "We encountered an internal error. Please try again." },
      { name: "ServiceUnavailable", status: 503, message: "Service is unable to handle request." },
    ],
  },
  scheduler: {
    throttled: { name: "ThrottlingException", status: 429, message: "Rate exceeded" },
    failed: [
      { name: "InternalServerException", status: 500, message: "Unexpected error encountered while processing." },
      { name: "ServiceUnavailable", status: 503, message: "Service is temporarily unavailable." },
    ],
  },
};

/** Throws what the service says to a call that it does not run. */
function refuse(event: FaultEvent, service: string): void {
  const words = refusals[service];
  if (!words) return;
  const throws = (kind: "call-throttled" | "call-failed", { name, status, message }: Refusal): never => {
    event.report(kind, `answered with ${name}`);
    throw new AwsError(name, message, { status });
  };
  if (event.strikes("call-throttled")) throws("call-throttled", words.throttled);
  if (event.strikes("call-failed")) throws("call-failed", words.failed[event.between("call-failed", 0, 2) < 1 ? 0 : 1]);
}
