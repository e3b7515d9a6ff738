import { AwsError } from "../wire/aws-error.ts";
import { deletedRecentlyMs } from "./apply-record.ts";
import { invalidParameter, queueDoesNotExist } from "./errors.ts";
import type { SqsHandlers } from "./handlers.ts";
import { page } from "./page.ts";
import type { Queue } from "./queue.ts";
import { checkAttributes, checkRedrive, defaultAttributes, mergeAttributes } from "./queue-attributes.ts";
import type { Queues } from "./queues.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html */
const purgeEveryMs = 60_000;

type QueueAction =
  | "CreateQueue"
  | "DeleteQueue"
  | "GetQueueUrl"
  | "ListQueues"
  | "GetQueueAttributes"
  | "SetQueueAttributes"
  | "PurgeQueue"
  | "ListDeadLetterSourceQueues";

/** What makes, finds, changes and empties queues. `urlOf` makes a queue's URL from its name. */
export function queueActions(queues: Queues, urlOf: (name: string) => string): Pick<SqsHandlers, QueueAction> {
  return {
    async CreateQueue({ QueueName: name, Attributes: attributes = {}, tags = {} }) {
      await createQueue(queues, name, attributes, tags);
      return { QueueUrl: urlOf(name) };
    },
    async DeleteQueue(input) {
      const { name } = queues.byUrl(input.QueueUrl);
      await queues.commit({ kind: "queue-deleted", queue: name, atMs: queues.clock.now() });
      return {};
    },
    GetQueueUrl({ QueueName: name }) {
      if (!queues.find(name)) throw queueDoesNotExist();
      return { QueueUrl: urlOf(name) };
    },
    ListQueues({ QueueNamePrefix: prefix = "", MaxResults, NextToken }) {
      const names = queues.all().flatMap(({ name }) => (name.startsWith(prefix) ? [name] : []));
      const { items, next } = page(names, { max: MaxResults, after: NextToken });
      return { QueueUrls: items.length > 0 ? items.map(urlOf) : undefined, NextToken: next };
    },
    GetQueueAttributes({ QueueUrl, AttributeNames: wanted = [] }) {
      const names = new Set<string>(wanted);
      const all = Object.entries(describe(queues.byUrl(QueueUrl)));
      const found = all.filter(([name]) => names.has("All") || names.has(name));
      return { Attributes: found.length > 0 ? Object.fromEntries(found) : undefined };
    },
    async SetQueueAttributes({ QueueUrl, Attributes }) {
      const queue = queues.byUrl(QueueUrl);
      const changes = checkAll(queues, queue, definedValues(Attributes));
      await queues.commit({ kind: "attributes", queue: queue.name, changes, modifiedMs: queues.clock.now() });
      return {};
    },
    async PurgeQueue({ QueueUrl }) {
      const { name, state } = queues.byUrl(QueueUrl);
      const atMs = queues.clock.now();
      if (state.purgedMs !== undefined && state.purgedMs + purgeEveryMs > atMs) {
        const message = `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`;
        throw new AwsError("PurgeQueueInProgress", message);
      }
      await queues.commit({ kind: "purged", queue: name, atMs });
      return {};
    },
    ListDeadLetterSourceQueues({ QueueUrl, MaxResults, NextToken }) {
      const { arn } = queues.byUrl(QueueUrl);
      const sources = queues.all().filter(({ settings }) => settings.redrive?.deadLetterArn === arn);
      const names = sources.map(({ name }) => name);
      const { items, next } = page(names, { max: MaxResults, after: NextToken });
      return { queueUrls: items.map(urlOf), NextToken: next };
    },
  };
}

type Given = Readonly<Record<string, string | undefined>>;

async function createQueue(queues: Queues, name: string, given: Given, tags: Record<string, string>): Promise<void> {
  const fifo = name.endsWith(".fifo");
  const plainName = fifo ? name.slice(0, -".fifo".length) : name;
  const attributes = definedValues(given);
  if (!/^[A-Za-z0-9_-]+$/.test(plainName) || name.length > 80 || (fifo && attributes.FifoQueue === undefined)) {
    throw invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  const checked = checkAll(queues, { arn: queues.arnOf(name), fifo }, attributes);
  const known = queues.find(name);
  if (known) return checkSame(known, checked);
  const nowMs = queues.clock.now();
  if ((queues.deletedMs.get(name) ?? Number.NEGATIVE_INFINITY) + deletedRecentlyMs > nowMs) {
    const message = "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
    throw new AwsError("QueueDeletedRecently", message);
  }
  const merged = mergeAttributes(defaultAttributes(fifo), checked);
  const state = { name, attributes: merged, tags, createdMs: nowMs, modifiedMs: nowMs };
  await queues.commit({ kind: "queue", state });
}

/** A queue may be created again, with the attributes that it has. */
function checkSame(queue: Queue, attributes: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (queue.state.attributes[name] === value) continue;
    const message = `A queue already exists with the same name and a different value for attribute ${name}`;
    throw new AwsError("QueueNameExists", message);
  }
}

function checkAll(
  queues: Queues,
  queue: { arn: string; fifo: boolean },
  attributes: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const checked = checkAttributes(attributes, queue.fifo);
  checkRedrive(checked.RedrivePolicy, queue, (arn) => {
    const target = queues.byArn(arn);
    return target && { fifo: target.fifo, attributes: target.state.attributes };
  });
  return checked;
}

function definedValues(given: Given): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
}

/** All attributes of a queue, as SQS names them. */
function describe(queue: Queue): Record<string, string> {
  const { visible, inFlight, delayed } = queue.counts();
  const seconds = (timeMs: number): string => String(Math.floor(timeMs / 1_000));
  return {
    ...queue.state.attributes,
    QueueArn: queue.arn,
    CreatedTimestamp: seconds(queue.state.createdMs),
    LastModifiedTimestamp: seconds(queue.state.modifiedMs),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}
