/** Reads an evaluated stack in the plan's words, following what the resources say of each other. */
import { queueLinkName } from "@tendril/core/link";
import type { Resource, Stack } from "./stack.ts";

/** All resources of a type such as `aws:sqs/queue:Queue`; `sqs/queue:Queue` is enough for AWS's. */
export function ofType(stack: Pick<Stack, "resources">, type: string): Resource[] {
  return stack.resources.filter((resource) => resource.type === type || resource.type === `aws:${type}`);
}

/** The only one that an ARN names: ARNs end in logical names here. */
export function byArn(stack: Stack, type: string, arn: unknown): Resource {
  const found = ofType(stack, type).filter((resource) => String(arn).endsWith(`:${resource.name}`));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new Error(`${found.length} resources of the type ${type} have the ARN ${arn}`);
}

/** A value inside of inputs; JSON texts on the way are read. */
export function inside(value: unknown, ...path: readonly string[]): unknown {
  const read: unknown = path.length > 0 && typeof value === "string" ? JSON.parse(value) : value;
  const [key, ...rest] = path;
  if (key === undefined) return read;
  if (typeof read !== "object" || read === null) return undefined;
  return inside(new Map(Object.entries(read)).get(key), ...rest);
}

/** Where a queue of the plan is, as its link says. */
export function linkedQueue(stack: Stack, queue: string): { url: string; arn: string; deadArn: string } {
  const link = ofType(stack, "sst:sst:LinkRef").find(({ name }) => name === `${queueLinkName(queue)}LinkRef`);
  const arn = String(inside(link?.inputs.properties, "arn"));
  const { redrivePolicy } = byArn(stack, "sqs/queue:Queue", arn).inputs;
  return {
    url: String(inside(link?.inputs.properties, "url")),
    arn,
    deadArn: String(inside(redrivePolicy, "deadLetterTargetArn")),
  };
}

/** The only resource of a type and name. */
export function named(stack: Stack, type: string, name: string): Resource {
  const found = ofType(stack, type).filter((resource) => resource.name === name);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new Error(`${found.length} resources of the type ${type} have the name ${name}`);
}

/** A statement of a policy. */
export interface PolicyStatement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Principal?: Readonly<Record<string, unknown>>;
  readonly Condition?: unknown;
}

/** Statements of a policy, which is an object or JSON. */
export function statementsOf(policy: unknown): PolicyStatement[] {
  const statements = inside(policy, "Statement");
  return Array.isArray(statements) ? (statements as PolicyStatement[]) : [];
}

/** Statements of a role's inline policies. */
export function inlineStatements(role: Resource): PolicyStatement[] {
  const policies = role.inputs.inlinePolicies;
  return Array.isArray(policies) ? policies.flatMap((policy) => statementsOf(inside(policy, "policy"))) : [];
}

/** The queues that have a worker, in the plan's words; equal to the plan's when the plan was followed. */
export function deployedQueues(stack: Stack): unknown[] {
  return ofType(stack, "lambda/eventSourceMapping:EventSourceMapping").map(({ inputs: mapping }) => {
    const { inputs: queue } = byArn(stack, "sqs/queue:Queue", mapping.eventSourceArn);
    const deadArn = inside(queue.redrivePolicy, "deadLetterTargetArn");
    const { inputs: dead } = byArn(stack, "sqs/queue:Queue", deadArn);
    return {
      fifo: queue.fifoQueue,
      visibilityTimeoutSeconds: queue.visibilityTimeoutSeconds,
      retentionSeconds: queue.messageRetentionSeconds,
      maxReceiveCount: inside(queue.redrivePolicy, "maxReceiveCount"),
      deadLetter: { fifo: dead.fifoQueue, retentionSeconds: dead.messageRetentionSeconds },
      worker: deployedFunction(stack, mapping.functionName),
      mapping: {
        batchSize: mapping.batchSize,
        windowSeconds: mapping.maximumBatchingWindowInSeconds,
        maximumConcurrency: inside(mapping.scalingConfig, "maximumConcurrency"),
      },
    };
  });
}

/** What AWS is told about a function, in the plan's words. */
export function deployedFunction(stack: Stack, arn: unknown): object {
  const { name, inputs } = byArn(stack, "lambda/function:Function", arn);
  const variables = Object.entries(inside(inputs.environment, "variables") ?? {});
  return {
    handler: stack.functions.find((built) => `${built.name}Function` === name)?.handler,
    timeoutSeconds: inputs.timeout,
    memoryMb: inputs.memorySize,
    environment: Object.fromEntries(variables.filter(([variable]) => !/^SST_|^NODE_OPTIONS$/.test(variable))),
  };
}
