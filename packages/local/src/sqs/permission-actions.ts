import { AwsError } from "../wire/aws-error.ts";
import { invalidValue } from "./errors.ts";
import type { SqsHandlers } from "./handlers.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html */
const maxActions = 7;
const maxStatements = 20;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html */
const grantable = new Set([
  "*",
  "ChangeMessageVisibility",
  "DeleteMessage",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "PurgeQueue",
  "ReceiveMessage",
  "SendMessage",
]);

/** What AWS calls the policy that AddPermission begins. */
const emptyPolicy = (queueArn: string): Policy => ({
  Version: "2008-10-17",
  Id: `${queueArn}/SQSDefaultPolicy`,
  Statement: [],
});

type Policy = Readonly<Record<string, unknown>> & { readonly Statement: readonly Statement[] };
type Statement = Readonly<Record<string, unknown>>;

/** AddPermission and RemovePermission. They change the queue's policy, which is kept and shown, but lets everybody in. */
export function permissionActions(queues: Queues): Pick<SqsHandlers, "AddPermission" | "RemovePermission"> {
  const keep = async (queue: Queue, policy: Policy): Promise<void> => {
    const Policy = policy.Statement.length > 0 ? JSON.stringify(policy) : "";
    const modifiedMs = queues.clock.now();
    await queues.commit({ kind: "attributes", queue: queue.name, changes: { Policy }, modifiedMs });
  };
  return {
    async AddPermission({ QueueUrl, Label, AWSAccountIds, Actions }) {
      const queue = queues.byUrl(QueueUrl);
      checkPermission(Label, AWSAccountIds, Actions);
      const policy = policyOf(queue);
      if (policy.Statement.some(({ Sid }) => Sid === Label)) throw invalidValue("Label", Label, "Already exists.");
      if (policy.Statement.length >= maxStatements) {
        const found = policy.Statement.length + 1;
        throw new AwsError("OverLimit", `${found} Statements were found, maximum allowed is ${maxStatements}.`);
      }
      const added = statement(queue.arn, Label, AWSAccountIds, Actions);
      await keep(queue, { ...policy, Statement: [...policy.Statement, added] });
      return {};
    },
    async RemovePermission({ QueueUrl, Label }) {
      const queue = queues.byUrl(QueueUrl);
      const policy = policyOf(queue);
      const Statement = policy.Statement.filter(({ Sid }) => Sid !== Label);
      if (Statement.length === policy.Statement.length) throw invalidValue("Label", Label, "can't find label.");
      await keep(queue, { ...policy, Statement });
      return {};
    },
  };
}

function checkPermission(label: string, accountIds: readonly string[], actions: readonly string[]): void {
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) {
    const rule = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    throw invalidValue("Label", label, rule);
  }
  for (const id of accountIds) {
    if (!/^\d{12}$/.test(id)) throw invalidValue("PrincipalId", `[${id}]`, "Unable to verify.");
  }
  if (actions.length > maxActions) {
    throw new AwsError("OverLimit", `${actions.length} Actions were found, maximum allowed is ${maxActions}.`);
  }
  for (const action of actions) {
    if (grantable.has(action)) continue;
    const reason = "Please refer to the appropriate WSDL for a list of valid actions. ";
    throw invalidValue("ActionName", `SQS:${action}`, reason);
  }
}

function statement(
  queueArn: string,
  label: string,
  accountIds: readonly string[],
  actions: readonly string[],
): Statement {
  const principals = accountIds.map((id) => `arn:aws:iam::${id}:root`);
  const granted = actions.map((action) => `SQS:${action}`);
  return {
    Sid: label,
    Effect: "Allow",
    Principal: { AWS: oneOrAll(principals) },
    Action: oneOrAll(granted),
    Resource: queueArn,
  };
}

/** A policy has a single value without its list. */
function oneOrAll(values: readonly string[]): string | readonly string[] {
  const [only, ...others] = values;
  return only !== undefined && others.length === 0 ? only : values;
}

/** The queue's policy, which was checked to be a JSON object when it was set. */
function policyOf(queue: Queue): Policy {
  const text = queue.state.attributes.Policy;
  if (!text) return emptyPolicy(queue.arn);
  const policy = JSON.parse(text) as Record<string, unknown>;
  const { Statement = [] } = policy;
  return { ...policy, Statement: Array.isArray(Statement) ? Statement : [Statement as Statement] };
}
