/**
 * Who may do what in a deployed tier: the roles that stacks/ makes, in the plan's words. A test holds them against the
 * evaluated stacks, statement by statement.
 */
import type { Plan, QueuePlan } from "./plan.ts";
import type { Source } from "./source.ts";

type KinesisSource = Extract<Source, { from: "kinesis" }>;

/** What a statement is about. */
export type PermittedResource =
  | { readonly kind: "queue"; readonly queue: string }
  | { readonly kind: "dead letters"; readonly queue: string }
  /** The queue for messages that Scheduler could not send. */
  | { readonly kind: "schedule failures" }
  /** What feeds a queue's worker. */
  | { readonly kind: "mapping"; readonly queue: string }
  | { readonly kind: "database" }
  | { readonly kind: "database password" }
  /** The schedules of the group for jobs that wait. */
  | { readonly kind: "waiting schedules" }
  | { readonly kind: "role"; readonly role: string }
  /** A Kinesis stream: its name, or its ARN. */
  | { readonly kind: "stream"; readonly stream: string }
  /** The queue for what sources could not send. */
  | { readonly kind: "source failures" }
  /** The key of `encryption: "kms"`. */
  | { readonly kind: "message key" }
  /** The bucket for large inputs, and what lies in it. */
  | { readonly kind: "inputs bucket" }
  | { readonly kind: "large inputs" }
  /** For actions that know no resources. */
  | { readonly kind: "anything" };

/** Actions that a role may take on resources; there are no denials. */
export interface PermissionStatement {
  readonly actions: readonly string[];
  readonly resources: readonly PermittedResource[];
  /** As IAM writes it. */
  readonly condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** A role. */
export interface RolePlan {
  /** The function's or the source's name in the plan, or what Scheduler has it for. */
  readonly name: string;
  /** The service that may assume it. */
  readonly assumedBy: "lambda.amazonaws.com" | "scheduler.amazonaws.com" | "pipes.amazonaws.com";
  readonly statements: readonly PermissionStatement[];
  /** AWS's own policies, by name. */
  readonly managedPolicies: readonly string[];
}

/** The names of the roles that Scheduler assumes. */
export const schedulerRoleNames = { schedules: "schedules", later: "later" } as const;

/** Every role of a tier, with all of its statements. */
export function rolesOf(plan: Plan): RolePlan[] {
  const scheduled = plan.queues.filter(({ name }) => plan.schedules.some(({ queue }) => queue === name));
  return [
    ...plan.queues.map((queue) => functionRole(queue.worker.name, workerStatements(plan, queue))),
    functionRole(plan.api.name, apiStatements(plan)),
    functionRole(plan.migrate.name, databaseStatements),
    ...(plan.schedules.length > 0 ? [schedulerRole(schedulerRoleNames.schedules, plan, scheduled)] : []),
    schedulerRole(schedulerRoleNames.later, plan, plan.queues),
    ...plan.sources.flatMap((source) => (source.from === "kinesis" ? [pipeRole(source, plan)] : [])),
  ];
}

/** A role that a function has; the policy lets it write its own logs. */
function functionRole(name: string, statements: readonly PermissionStatement[]): RolePlan {
  return { name, assumedBy: "lambda.amazonaws.com", statements, managedPolicies: ["AWSLambdaBasicExecutionRole"] };
}

function schedulerRole(name: string, plan: Plan, to: readonly QueuePlan[]): RolePlan {
  const resources: PermittedResource[] = [...to.map(queueResource), { kind: "schedule failures" }];
  const statements = [{ actions: ["sqs:SendMessage"], resources }, ...encryption(plan)];
  return { name, assumedBy: "scheduler.amazonaws.com", statements, managedPolicies: [] };
}

/** The other sources need none: a queue's own policy lets them in. */
function pipeRole({ name, queue, stream }: KinesisSource, plan: Plan): RolePlan {
  const reading = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"];
  const statements: PermissionStatement[] = [
    { actions: reading.map((action) => `kinesis:${action}`), resources: [{ kind: "stream", stream }] },
    { actions: ["sqs:SendMessage"], resources: [{ kind: "queue", queue }, { kind: "source failures" }] },
    ...encryption(plan),
  ];
  return { name, assumedBy: "pipes.amazonaws.com", statements, managedPolicies: [] };
}

function workerStatements(plan: Plan, { name }: QueuePlan): PermissionStatement[] {
  const own = { kind: "queue", queue: name } as const;
  return [
    {
      actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
      resources: [own],
    },
    sending(plan.queues, { kind: "dead letters", queue: name }),
    ...encryption(plan),
    ...largeInputs(plan, ["s3:PutObject", "s3:GetObject"]),
    // Without it, S3 says 403 of what is not there, not 404.
    ...(plan.largeInputs.kind === "s3"
      ? [{ actions: ["s3:ListBucket"], resources: [{ kind: "inputs bucket" } as const] }]
      : []),
    tracing,
    ...databaseStatements,
    ...laterStatements,
  ];
}

/** It enqueues, asks the ledger, looks into dead letters and moves them, and pauses queues; it receives no jobs. */
function apiStatements(plan: Plan): PermissionStatement[] {
  return [
    { actions: ["sqs:SendMessage", "sqs:GetQueueAttributes"], resources: plan.queues.map(queueResource) },
    {
      actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
      resources: plan.queues.map(({ name }) => ({ kind: "dead letters", queue: name })),
    },
    ...encryption(plan),
    ...largeInputs(plan, ["s3:PutObject"]),
    tracing,
    ...databaseStatements,
    ...laterStatements,
    {
      actions: ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
      resources: plan.queues.map(({ name }) => ({ kind: "mapping", queue: name })),
    },
  ];
}

const queueResource = ({ name }: QueuePlan): PermittedResource => ({ kind: "queue", queue: name });

function sending(queues: readonly QueuePlan[], ...others: readonly PermittedResource[]): PermissionStatement {
  return { actions: ["sqs:SendMessage"], resources: [...queues.map(queueResource), ...others] };
}

/** Whoever sends or receives needs the queues' key. */
function encryption({ encryption: kind }: Plan): PermissionStatement[] {
  if (kind === "sqs") return [];
  return [{ actions: ["kms:GenerateDataKey", "kms:Decrypt"], resources: [{ kind: "message key" }] }];
}

/** Of a bucket for large inputs. */
function largeInputs({ largeInputs: { kind } }: Plan, actions: readonly string[]): PermissionStatement[] {
  return kind === "s3" ? [{ actions, resources: [{ kind: "large inputs" }] }] : [];
}

const tracing: PermissionStatement = {
  actions: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
  resources: [{ kind: "anything" }],
};

const databaseStatements: readonly PermissionStatement[] = [
  { actions: ["secretsmanager:GetSecretValue"], resources: [{ kind: "database password" }] },
  {
    actions: [
      "rds-data:BatchExecuteStatement",
      "rds-data:BeginTransaction",
      "rds-data:CommitTransaction",
      "rds-data:ExecuteStatement",
      "rds-data:RollbackTransaction",
    ],
    resources: [{ kind: "database" }],
  },
];

/** Jobs that are to run later than SQS can delay them. */
const laterStatements: readonly PermissionStatement[] = [
  { actions: ["scheduler:CreateSchedule"], resources: [{ kind: "waiting schedules" }] },
  {
    actions: ["iam:PassRole"],
    resources: [{ kind: "role", role: schedulerRoleNames.later }],
    condition: { StringEquals: { "iam:PassedToService": ["scheduler.amazonaws.com"] } },
  },
];
