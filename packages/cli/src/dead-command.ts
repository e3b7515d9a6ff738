import type { DeadFilter } from "@tendril/client/operations/dead-letter";
import type { DatabaseLink } from "@tendril/core/link";
import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril dead` may be told. */
export type DeadCommand = { readonly at: DeadAddress } & (
  | { readonly name: "list"; readonly filter: DeadFilter; readonly json: boolean }
  /** `database` is the ledger's; undefined: the local tier's, or none. */
  | {
      readonly name: "show";
      readonly jobId: string;
      readonly database: DatabaseLink | undefined;
      readonly json: boolean;
    }
  | { readonly name: "redrive" | "drop"; readonly filter: DeadFilter; readonly yes: boolean }
);

/** Which AWS, and which queues. */
export type DeadAddress =
  /** The queues of the project's tier, which runs here: the port of its AWS endpoints. */
  | { readonly kind: "local"; readonly awsPort: number }
  /** Queues by their URLs; `endpointUrl` undefined is Amazon's, or what the SDK's own environment variables say. */
  | { readonly kind: "aws"; readonly endpointUrl: string | undefined; readonly queueUrls: readonly string[] };

export const deadUsage = `tendril dead list               what lies in the dead-letter queues and why; never a payload
tendril dead show JOB_ID        all of a dead letter: its message, the reason, the job's history in the ledger
tendril dead redrive JOB_ID …   send dead letters back to the queue that they came from, as the same jobs
tendril dead drop JOB_ID …      delete dead letters

  --queue NAME             those of a queue
  --type JOB_TYPE          those of a job type
  --error TEXT             those whose reason has the text
  --older 2h, --newer 1d   those that died longer ago, or not so long ago (s, m, h, d)
  --job JOB_ID             those of a job; may be given again
  --limit NUMBER           at most so many, the oldest first
  --all                    redrive, drop: all of them
  --yes                    redrive, drop: do not ask
  --json                   print list and show as JSON
  --aws-port NUMBER        the tier that runs on this machine: its port of SQS (4748)
  --queue-url URL          a queue on AWS instead, with the credentials of the aws command; may be given again.
                           \`sst deploy\` prints the URLs; their last letters are made up by SST
  --endpoint-url URL       with --queue-url: another AWS than Amazon's
  --cluster-arn ARN, --secret-arn ARN, --database NAME
                           with --queue-url: the ledger, for the history that show prints`;

const commands = "list, show JOB_ID, redrive JOB_ID …, drop JOB_ID …";

/** Reads the words after `tendril dead`; ages are counted back from `nowMs`. Error: `usage`. */
export function readDeadCommand(words: readonly string[], nowMs: number): DeadCommand {
  const { values, positionals } = parse(words);
  const [name = "", ...operands] = positionals;
  const at = readAddress(values);
  const filter = readFilter(values, operands, nowMs);
  const [jobId] = operands;
  if (name === "list" && operands.length === 0) return { name, at, filter, json: values.json };
  if (name === "show" && jobId !== undefined && operands.length === 1) {
    return { name, at, jobId: jobId.toLowerCase(), database: readDatabase(values, at), json: values.json };
  }
  if (name !== "redrive" && name !== "drop") throw usageError(`dead ${positionals.join(" ")}`, `one of ${commands}`);
  if (values.all === isNarrowed(filter)) {
    const given = values.all ? "--all and a choice" : "nothing that says which";
    throw usageError(`dead ${name}, ${given}`, "job ids, or a choice such as --type or --older, or --all");
  }
  return { name, at, filter, yes: values.yes };
}

type Values = ReturnType<typeof parse>["values"];

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    allowPositionals: true,
    options: {
      queue: { type: "string" },
      type: { type: "string" },
      error: { type: "string" },
      older: { type: "string" },
      newer: { type: "string" },
      job: { type: "string", multiple: true },
      limit: { type: "string" },
      all: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "aws-port": { type: "string" },
      "queue-url": { type: "string", multiple: true },
      "endpoint-url": { type: "string" },
      "cluster-arn": { type: "string" },
      "secret-arn": { type: "string" },
      database: { type: "string" },
    },
  } as const;
  return parseWords(config, `dead ${words.join(" ")}`);
}

function readAddress(values: Values): DeadAddress {
  const { "queue-url": queueUrls = [], "endpoint-url": endpointUrl, "aws-port": awsPort } = values;
  for (const url of [...queueUrls, ...(endpointUrl === undefined ? [] : [endpointUrl])]) {
    if (!URL.canParse(url))
      throw usageError(url, "a URL, such as https://sqs.eu-central-1.amazonaws.com/ACCOUNT/QUEUE");
  }
  if (queueUrls.length === 0) {
    if (endpointUrl !== undefined) throw usageError("--endpoint-url alone", "--endpoint-url with --queue-url");
    return { kind: "local", awsPort: readNumber("--aws-port", awsPort ?? "4748", [1, 65_535]) };
  }
  if (awsPort !== undefined) throw usageError("--aws-port and --queue-url", "one of them");
  return { kind: "aws", endpointUrl, queueUrls };
}

function readFilter(values: Values, operands: readonly string[], nowMs: number): DeadFilter {
  const { queue, type, error, older, newer, limit } = values;
  return {
    queue,
    type,
    error,
    diedBeforeMs: older === undefined ? undefined : nowMs - readAge("--older", older),
    diedAfterMs: newer === undefined ? undefined : nowMs - readAge("--newer", newer),
    jobIds: [...operands, ...(values.job ?? [])].map((id) => id.toLowerCase()),
    limit: limit === undefined ? Number.POSITIVE_INFINITY : readNumber("--limit", limit, [1, 1_000_000_000]),
  };
}

function isNarrowed({ jobIds, limit, ...rest }: DeadFilter): boolean {
  return (
    jobIds.length > 0 || limit !== Number.POSITIVE_INFINITY || Object.values(rest).some((each) => each !== undefined)
  );
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function readAge(option: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(number) * (unitMs[unit] ?? Number.NaN);
  if (!Number.isNaN(ms)) return ms;
  throw usageError(`${option} ${text}`, `${option} with a number and s, m, h or d, such as 90s, 30m, 2h or 1d`);
}

function readDatabase(values: Values, at: DeadAddress): DatabaseLink | undefined {
  const { "cluster-arn": clusterArn, "secret-arn": secretArn, database } = values;
  if (clusterArn === undefined && secretArn === undefined && database === undefined) return undefined;
  if (at.kind === "aws" && clusterArn !== undefined && secretArn !== undefined && database !== undefined) {
    return { clusterArn, secretArn, database };
  }
  throw usageError("a part of the ledger's address", "--cluster-arn, --secret-arn and --database, with --queue-url");
}
