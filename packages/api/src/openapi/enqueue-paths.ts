import type { JobSpec } from "@tendril/core/job";
import { jsonAnswer } from "./answers.ts";
import { type Parameter, type PathItem, type Schema, schemaRef } from "./document-model.ts";
import { exampleValue } from "./example-value.ts";
import { inputSchema } from "./input-schema.ts";
import { type Basis, bodyCodes, jsonContent, operation } from "./operation.ts";

/** What enqueuing adds to a document. */
export interface EnqueuePart {
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** How many jobs one `POST /jobs` may hold. */
const mostJobs = 1000;

const enqueueCodes = [...bodyCodes, "key_conflict", "aws_call_failed"] as const;

const location = { location: { $ref: "#/components/headers/Location" } };

const idempotencyKey: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Makes the job's id, together with the job type: two jobs of one type and key run once. The same key with another input is refused (`key_conflict`) while that can be known.",
  schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" },
  example: "order-4711",
};

/** `POST /jobs`, and `POST /job/post/TYPE` for each job type; with the schemas of their bodies. */
export function enqueuePart(jobs: readonly JobSpec[], basis: Basis): EnqueuePart {
  const inputs = jobs.map((spec) => ({ spec, ...inputSchema(spec, `${spec.type}Input`) }));
  const inputSchemas = inputs.flatMap(({ spec, schema, others }) => [
    [`${spec.type}Input`, { title: `${spec.type}: input`, ...schema }] as const,
    ...Object.entries(others),
  ]);
  const bodies = inputs.flatMap(({ spec, optional }) => [
    [`${spec.type}Body`, postBody(spec, optional)] as const,
    [`${spec.type}NewJob`, newJob(spec, optional, basis)] as const,
  ]);
  const schemas = Object.fromEntries([...inputSchemas, ...bodies, ["NewJob", anyNewJob(jobs)]]);
  const names = functionNames(jobs);
  const posts = jobs.map((spec, index) => [
    `/job/post/${spec.type}`,
    { post: postJob(spec, names[index] ?? "", schemas, basis) },
  ]);
  return { paths: { "/jobs": { post: enqueueJobs(jobs, schemas, basis) }, ...Object.fromEntries(posts) }, schemas };
}

function postBody(spec: JobSpec, optional: boolean): Schema {
  return {
    type: "object",
    description: `What POST /job/post/${spec.type} takes, as in the original worker tier.`,
    properties: { data: schemaRef(`${spec.type}Input`), job_type: { type: "string", const: spec.type } },
    ...(optional ? {} : { required: ["data"] }),
    additionalProperties: false,
  };
}

function newJob(spec: JobSpec, optional: boolean, { queues }: Basis): Schema {
  const properties: Record<string, Schema> = {
    type: { type: "string", const: spec.type },
    input: schemaRef(`${spec.type}Input`),
    delay: {
      type: "string",
      pattern: "^\\d+(\\.\\d+)? (millisecond|second|minute|hour|day)s?$",
      description: "How long to wait before it runs, from now: at most 366 days.",
      examples: ["10 minutes"],
    },
    at: {
      type: "string",
      format: "date-time",
      description:
        "When it is to run, instead of `delay`: with a zone, at most 366 days ahead. A time that is past means at once.",
      examples: ["2026-11-20T10:00:00Z"],
    },
    key: {
      ...idempotencyKey.schema,
      description: "The idempotency key: see the header `Idempotency-Key`.",
      examples: ["order-4711"],
    },
    group: {
      type: "string",
      pattern: "^[\\x21-\\x7e]{1,128}$",
      description: `The message group: a FIFO queue keeps the order within it, a standard queue is fair between groups. Default: ${isFifo(spec, queues) ? "the job type" : "none"}.`,
      examples: ["customer-7"],
    },
    queue: {
      type: "string",
      enum: queues.map(({ name }) => name),
      description: "The queue, if not the job type's own.",
      default: spec.queue,
    },
  };
  return {
    type: "object",
    description: `A ${spec.type} to be enqueued.`,
    properties,
    required: optional ? ["type"] : ["type", "input"],
    additionalProperties: false,
    not: { required: ["delay", "at"] },
  };
}

const isFifo = (spec: JobSpec, queues: Basis["queues"]): boolean =>
  queues.find(({ name }) => name === spec.queue)?.fifo === true;

function anyNewJob(jobs: readonly JobSpec[]): Schema {
  if (jobs.length === 0) return { not: {}, description: "None: the tier has no job types." };
  return {
    description: "A job to be enqueued: one of the tier's job types.",
    oneOf: jobs.map(({ type }) => schemaRef(`${type}NewJob`)),
    discriminator: {
      propertyName: "type",
      mapping: Object.fromEntries(jobs.map(({ type }) => [type, `#/components/schemas/${type}NewJob`])),
    },
  };
}

function enqueueJobs(jobs: readonly JobSpec[], schemas: Readonly<Record<string, Schema>>, basis: Basis) {
  const [first] = jobs;
  const one = first === undefined ? {} : { type: first.type, input: exampleOf(first, schemas) };
  const body: Schema = {
    oneOf: [schemaRef("NewJob"), { type: "array", items: schemaRef("NewJob"), minItems: 1, maxItems: mostJobs }],
  };
  const list = jsonAnswer("Every job of the list was accepted.", "EnqueuedJobs");
  return operation(basis, {
    id: "enqueueJob",
    tag: "Enqueue",
    summary: "Enqueue one job, or up to 1,000",
    description: `A list is accepted or refused job by job: 202 when all were accepted, 207 when some were refused. A body is at most ${basis.largeInputs ? "6 MB" : "1 MiB for one job, 6 MB for a list"}. \`Idempotency-Key\` goes with one job; in a list, each has a \`key\` of its own.`,
    need: "enqueue",
    parameters: [idempotencyKey],
    body: {
      required: true,
      content: jsonContent(body, { one, later: { ...one, delay: "10 minutes" }, list: [one, one] }),
    },
    answers: {
      202: {
        ...list,
        description: "Accepted: the job, or every job of the list.",
        headers: { ...list.headers, ...location },
        content: { "application/json": { schema: { oneOf: [schemaRef("EnqueuedJob"), schemaRef("EnqueuedJobs")] } } },
      },
      207: jsonAnswer("Some jobs of the list were refused: each says for itself.", "EnqueuedJobs"),
    },
    codes: [...enqueueCodes, "duration_invalid", "job_type_missing", "job_type_unknown", "queue_unknown"],
  });
}

function postJob(spec: JobSpec, id: string, schemas: Readonly<Record<string, Schema>>, basis: Basis) {
  const example = exampleOf(spec, schemas);
  return operation(basis, {
    id,
    tag: "Enqueue",
    summary: `Enqueue ${spec.type}`,
    description: `Sends a ${spec.type} to the queue ${spec.queue}: the request of the original worker tier. An attempt may take ${spec.timeoutMs / 1000} s; there are at most ${spec.retry.attempts}.`,
    need: "enqueue",
    parameters: [idempotencyKey],
    body: { required: true, content: jsonContent(schemaRef(`${spec.type}Body`), { one: { data: example } }) },
    answers: { 202: jsonAnswer("Accepted.", "QueuedJob", undefined, location) },
    codes: enqueueCodes,
  });
}

const exampleOf = (spec: JobSpec, schemas: Readonly<Record<string, Schema>>): unknown =>
  exampleValue(schemaRef(`${spec.type}Input`), schemas);

/** `post` and the job type in camel case; those that would be the same get a number. */
function functionNames(jobs: readonly JobSpec[]): readonly string[] {
  const taken = new Set<string>();
  return jobs.map(({ type }) => {
    const name = `post${type.replace(/(?:^|[_-]+)([A-Za-z0-9]?)/g, (_, first: string) => first.toUpperCase())}`;
    let free = name;
    for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${name}${number}`;
    taken.add(free.toLowerCase());
    return free;
  });
}
