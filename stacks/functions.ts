/** What every function has in common, and how a function of the plan becomes SST's. */
import type { FunctionPlan } from "@tendril/core/plan";

// For every function made after this, whoever makes it.
$transform(sst.aws.Function, (args) => {
  args.runtime ??= "nodejs24.x";
  args.architecture ??= "arm64";
  args.logging ??= { format: "json", retention: "1 month" };
  args.nodejs ??= { minify: true }; // SST says that this is its default, and does not do it
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
