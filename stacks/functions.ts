/** What every function has in common, and how a function of the plan becomes SST's. */
import type { FunctionPlan } from "@tendril/core/plan";

// For every function made after this, whoever makes it.
$transform(sst.aws.Function, (args) => {
  args.runtime ??= "nodejs24.x";
  args.architecture ??= "arm64";
  args.logging ??= { format: "json", retention: "1 month" };
  // SST says that it minifies by default, and does not; and it leaves source maps out of the bundle. Split, what is imported
  // dynamically (most of the SDK's credential providers, EventBridge Scheduler's client) is not read at a cold start; as is
  // Node's `http`, which would bring its `fetch` along: a third of what a start takes.
  args.nodejs ??= { minify: true, sourcemap: true, splitting: true };
  // SST lets the whole account assume a function's role, in deployed stages too. Only `sst dev` needs that.
  if ($dev && args.dev !== false) return;
  args.transform = {
    ...args.transform,
    role(role) {
      role.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
      return undefined;
    },
  };
});

/**
 * X-Ray: the API's SDK hands its trace on to SQS, and X-Ray links a batch's trace to those of its messages. The two
 * actions know no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
 */
export const tracing = {
  config: { mode: "Active" },
  permission: { actions: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources: ["*"] },
};

/** A planned function's code, numbers and environment. */
export function planned(
  plan: FunctionPlan,
): Pick<sst.aws.FunctionArgs, "handler" | "timeout" | "memory" | "environment"> {
  return {
    handler: plan.handler,
    timeout: `${plan.timeoutSeconds} seconds`,
    memory: `${plan.memoryMb} MB`,
    environment: { ...plan.environment },
  };
}
