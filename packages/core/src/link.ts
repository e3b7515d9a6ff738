/**
 * Names of the resources that a function is linked to (SST's `Resource.NAME`), so that stacks, the local runtime and
 * the functions agree.
 */
import { TendrilError } from "./errors.ts";

/** The link of a queue: `{ url, arn, deadLetterUrl }`; for a queue named `mail-out`, `MailOutQueue`. */
export function queueLinkName(queue: string): string {
  return `${queue
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("")}Queue`;
}

/** The link of the database: `{ clusterArn, secretArn, database }`. */
export const databaseLinkName = "Database";

/** The link of what sends jobs that are to run later than SQS can delay them: `{ groupName, roleArn, deadLetterArn }`. */
export const laterLinkName = "Later";

/** The link of the event source mappings' UUIDs, each under the name of its queue's link: `{ JobsQueue, … }`. */
export const mappingsLinkName = "Mappings";

/** The link of the bucket for inputs that are too large for a message: `{ bucket }`. */
export const claimsLinkName = "Claims";

/** The link of the secret that holds the API's bearer tokens: `{ value }`. */
export const apiTokenLinkName = "ApiToken";

/** What a queue's link says. */
export interface QueueLink {
  readonly url: string;
  readonly deadLetterUrl: string;
}

/** What the database's link says: enough for the RDS Data API, and no password. */
export interface DatabaseLink {
  readonly clusterArn: string;
  readonly secretArn: string;
  readonly database: string;
}

/** What the link for later jobs says: where one-time schedules of EventBridge Scheduler are made, and with what. */
export interface LaterLink {
  /** The schedule group. It holds nothing else. */
  readonly groupName: string;
  /** The role with which Scheduler sends the messages. */
  readonly roleArn: string;
  /** The queue for what Scheduler could not send. */
  readonly deadLetterArn: string;
}

/** What the link of the bucket for large inputs says. */
export interface ClaimsLink {
  readonly bucket: string;
}

/** Reads the link of a queue. Error: `link_missing`. */
export function readQueueLink(resources: Readonly<Record<string, unknown>>, queue: string): QueueLink {
  const read = linkReader(resources, queueLinkName(queue));
  return { url: read("url"), deadLetterUrl: read("deadLetterUrl") };
}

/** Reads the link of the database. Error: `link_missing`. */
export function readDatabaseLink(resources: Readonly<Record<string, unknown>>): DatabaseLink {
  const read = linkReader(resources, databaseLinkName);
  return { clusterArn: read("clusterArn"), secretArn: read("secretArn"), database: read("database") };
}

/** Reads the link for later jobs. Error: `link_missing`. */
export function readLaterLink(resources: Readonly<Record<string, unknown>>): LaterLink {
  const read = linkReader(resources, laterLinkName);
  return { groupName: read("groupName"), roleArn: read("roleArn"), deadLetterArn: read("deadLetterArn") };
}

/** Reads the link of the event source mappings: UUIDs by the tier's names for their queues. Error: `link_missing`. */
export function readMappingsLink(
  resources: Readonly<Record<string, unknown>>,
  queues: readonly string[],
): Readonly<Record<string, string>> {
  const read = linkReader(resources, mappingsLinkName);
  return Object.fromEntries(queues.map((queue) => [queue, read(queueLinkName(queue))]));
}

/** Reads the link of the bucket for large inputs. Error: `link_missing`. */
export function readClaimsLink(resources: Readonly<Record<string, unknown>>): ClaimsLink {
  return { bucket: linkReader(resources, claimsLinkName)("bucket") };
}

/** Reads the secret that holds the API's bearer tokens. Error: `link_missing`. */
export function readApiTokenLink(resources: Readonly<Record<string, unknown>>): string {
  return linkReader(resources, apiTokenLinkName)("value");
}

function linkReader(resources: Readonly<Record<string, unknown>>, name: string): (key: string) => string {
  const link = resources[name];
  return (key) => {
    const value = typeof link === "object" && link !== null ? (link as Record<string, unknown>)[key] : undefined;
    if (typeof value === "string" && value !== "") return value;
    throw new TendrilError("link_missing", {
      where: `Resource.${name}.${key}`,
      given: "nothing",
      allowed: "a text",
      fix: "Link the function to the resource in stacks/.",
    });
  };
}
