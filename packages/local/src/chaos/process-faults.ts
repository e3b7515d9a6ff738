import type { BatchEvent } from "../lambda/event-source-mapping.ts";
import type { FunctionEnvironment, Lambda } from "../lambda/lambda.ts";
import { ConnectionCut, type ReadCall } from "../wire/service.ts";
import type { FaultEvent, FaultSource } from "./fault-source.ts";
import type { CrashPoint, Fault, FaultDurations } from "./faults.ts";

/** Faults of functions and their processes. */
export interface ProcessFaults {
  /** The same Lambda, with faults in its invocations; its processes may be killed at their calls. */
  strike(lambda: Lambda): Lambda;
  /** Kills the process whose call this is, when its time has come; throws `ConnectionCut` then. */
  calls(when: "before" | "after", call: ReadCall, site: string): Promise<void>;
  crashPoints: readonly CrashPoint[];
  /** To be told of the batches of event source mappings. */
  batch(functionName: string, event: BatchEvent): void;
}

export interface ProcessFaultsOptions {
  readonly source: FaultSource;
  readonly durations: FaultDurations;
  readonly crashPoints: readonly CrashPoint[];
}

export function processFaults({ source, durations, crashPoints }: ProcessFaultsOptions): ProcessFaults {
  const lambdas: Lambda[] = [];
  const find = (fits: (environment: FunctionEnvironment) => boolean): FunctionEnvironment | undefined =>
    lambdas.flatMap((lambda) => lambda.environments()).find(fits);
  const faults: ProcessFaults = {
    crashPoints,
    strike(lambda) {
      lambdas.push(lambda);
      return {
        ...lambda,
        async invoke(name, payload, options) {
          const event = source.event(`invoke ${name}`);
          if (event?.strikes("invocation-throttled")) {
            event.report("invocation-throttled", "throttled");
            return { kind: "throttled" };
          }
          const killAfterMs = event && killTime(event, durations.workMs);
          return lambda.invoke(name, payload, killAfterMs === undefined ? options : { ...options, killAfterMs });
        },
      };
    },
    async calls(when, call, site) {
      const accessKeyId = call.context.accessKeyId();
      const caller = find((each) => each.accessKeyId === accessKeyId);
      if (!caller) return;
      const { functionName } = caller;
      const kill = async (event: FaultEvent, kind: Fault["kind"], where: string): Promise<never> => {
        event.report(kind, `${functionName} killed ${where}`);
        await caller.kill();
        throw new ConnectionCut();
      };
      const kind = `killed-${when}-call` as const;
      const event = source.event(`${functionName} ${when} ${site}`);
      if (event?.strikes(kind)) await kill(event, kind, `${when} ${call.operation}`);
      for (const point of faults.crashPoints) {
        if (point.when !== when || !fits(point, call)) continue;
        const passed = source.event(`${functionName} ${point.name}`);
        if (passed?.strikes("killed-at-point", point.rate)) await kill(passed, "killed-at-point", point.name);
      }
    },
    batch(functionName, event) {
      if (event.kind !== "finished" || event.invocation.kind !== "succeeded") return;
      if (event.failedMessageIds.length === event.messageIds.length) return;
      const { requestId } = event.invocation;
      const fault = source.event(`batch ${functionName}`);
      if (!fault?.strikes("killed-after-delete")) return;
      fault.report("killed-after-delete", "killed after its messages were deleted");
      void find((each) => each.requestId === requestId)?.kill();
    },
  };
  return faults;
}

/** When to kill the process of an invocation, as `InvokeOptions` has it; undefined for never. */
function killTime(event: FaultEvent, workMs: number): number | undefined {
  if (event.strikes("killed-before-work")) {
    event.report("killed-before-work", "killed before its handler was called");
    return 0;
  }
  if (event.strikes("killed-at-work")) {
    const afterMs = event.duration("killed-at-work", workMs);
    event.report("killed-at-work", `killed after ${afterMs} ms of work, or when its handler answered`);
    return afterMs;
  }
  if (event.strikes("killed-after-work")) {
    event.report("killed-after-work", "killed when its handler had answered");
    return Number.POSITIVE_INFINITY;
  }
  return undefined;
}

function fits({ operation, statement }: CrashPoint, call: ReadCall): boolean {
  if (operation !== call.operation) return false;
  if (!statement) return true;
  const { input } = call;
  const sql: unknown = typeof input === "object" && input !== null && "sql" in input ? input.sql : undefined;
  return typeof sql === "string" && sql.search(statement) >= 0;
}
