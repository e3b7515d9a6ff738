import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type DeadQueue, failedCall } from "@tendril/client/operations/dead-queue";
import { TendrilError } from "@tendril/core/errors";
import type { DeadAddress } from "./dead-command.ts";
import { openProject, planProject } from "./project.ts";

/** Settings for SDK clients of an address: the local AWS's, or those of the user's environment. */
export function clientConfig(at: DeadAddress) {
  if (at.kind === "local") {
    return {
      endpoint: `http://127.0.0.1:${at.awsPort}`,
      region: "us-east-1", // any would do there
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    };
  }
  const region = /^sqs\.([a-z0-9-]+)\.amazonaws\.com/.exec(new URL(at.queueUrls[0] ?? "").hostname)?.[1];
  return {
    ...(at.endpointUrl === undefined ? {} : { endpoint: at.endpointUrl }),
    ...(region === undefined ? {} : { region }),
  };
}

/** The client that speaks to the address's queues. */
export function openSqs(at: DeadAddress): SQSClient {
  const here = at.kind === "local" || at.endpointUrl !== undefined;
  return new SQSClient({ ...clientConfig(at), ...(here ? { useQueueUrlAsEndpoint: false } : {}) });
}

/**
 * The queues of an address, only the named one if a name is given. Those of the local tier are the plan's; of others only
 * their URLs are known, and SQS says where their dead letters go. Errors: `project_missing`, `tier_refused`,
 * `queue_unknown`, `aws_call_failed`.
 */
export async function findDeadQueues(sqs: SQSClient, at: DeadAddress, name?: string): Promise<DeadQueue[]> {
  const found = at.kind === "local" ? await queuesOfTier(sqs) : await queuesByUrl(sqs, at.queueUrls);
  if (name === undefined) return found;
  const named = found.filter((queue) => queue.name === name);
  if (named.length > 0) return named;
  const allowed = found.map((queue) => queue.name).join(", ");
  throw new TendrilError("queue_unknown", { where: "--queue", given: JSON.stringify(name), allowed });
}

async function queuesOfTier(sqs: SQSClient): Promise<DeadQueue[]> {
  const { physicalName } = await import("@tendril/local/deploy-plan");
  const plan = await planProject(await openProject(process.cwd()));
  return Promise.all(
    plan.queues.map(async (queue) => ({
      name: queue.name,
      fifo: queue.fifo,
      url: await urlOf(sqs, physicalName(queue)),
      deadLetterUrl: await urlOf(sqs, physicalName(queue, queue.deadLetter.name)),
      maxReceiveCount: queue.maxReceiveCount,
      sources: plan.sources.filter((source) => source.queue === queue.name),
    })),
  );
}

function queuesByUrl(sqs: SQSClient, urls: readonly string[]): Promise<DeadQueue[]> {
  return Promise.all(
    urls.map(async (url) => {
      const name = new URL(url).pathname.split("/").pop() ?? "";
      const { deadLetterArn, maxReceiveCount } = await readRedrivePolicy(sqs, url, name);
      const [, , , , account, deadName = ""] = deadLetterArn.split(":");
      const deadLetterUrl = await urlOf(sqs, deadName, account);
      return { name, fifo: name.endsWith(".fifo"), url, deadLetterUrl, maxReceiveCount, sources: [] };
    }),
  );
}

async function readRedrivePolicy(sqs: SQSClient, url: string, name: string) {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["RedrivePolicy"] });
  const { Attributes } = await sqs.send(command).catch(failedCall(`GetQueueAttributes of ${name}`));
  const policy: unknown = JSON.parse(Attributes?.RedrivePolicy ?? "null");
  if (typeof policy !== "object" || policy === null || !("deadLetterTargetArn" in policy)) {
    throw new TendrilError("queue_unknown", {
      where: "--queue-url",
      given: `${name}, a queue without a dead-letter queue`,
      allowed: "a queue with a redrive policy",
    });
  }
  const receipts = "maxReceiveCount" in policy ? Number(policy.maxReceiveCount) : undefined;
  return { deadLetterArn: String(policy.deadLetterTargetArn), maxReceiveCount: receipts };
}

async function urlOf(sqs: SQSClient, name: string, account?: string): Promise<string> {
  const command = new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account });
  const { QueueUrl = "" } = await sqs.send(command).catch(failedCall(`GetQueueUrl of ${name}`));
  return QueueUrl;
}
