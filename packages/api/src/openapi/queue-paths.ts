import { jsonAnswer } from "./answers.ts";
import { jobIdSchema } from "./components.ts";
import type { Parameter, PathItem, Schema } from "./document-model.ts";
import { type Basis, bodyCodes, jsonContent, operation, queryParameter } from "./operation.ts";

/** `GET /queues`, and what is under `/queues/{name}`. */
export function queuePaths(basis: Basis): Readonly<Record<string, PathItem>> {
  return {
    "/queues": { get: listQueues(basis) },
    "/queues/{name}": { get: getQueue(basis) },
    "/queues/{name}/dead-letters": { get: listDeadLetters(basis) },
    "/queues/{name}/dead-letters/redrive": { post: redrive(basis) },
    "/queues/{name}/dead-letters/drop": { post: drop(basis) },
    "/queues/{name}/pause": { post: pause(basis, "pause") },
    "/queues/{name}/resume": { post: pause(basis, "resume") },
  };
}

function queueName({ queues }: Basis): Parameter {
  const schema: Schema = { type: "string", enum: queues.map(({ name }) => name) };
  return { name: "name", in: "path", required: true, description: "The queue's name in the tier.", schema };
}

function listQueues(basis: Basis) {
  return operation(basis, {
    id: "listQueues",
    tag: "Queues",
    summary: "List the queues and what lies in them",
    description: "SQS's own counts, which are approximate.",
    need: "read",
    answers: { 200: jsonAnswer("Every queue.", "Queues") },
    codes: ["query_invalid", "aws_call_failed"],
  });
}

function getQueue(basis: Basis) {
  return operation(basis, {
    id: "getQueue",
    tag: "Queues",
    summary: "See one queue",
    description: "SQS's own counts, which are approximate.",
    need: "read",
    parameters: [queueName(basis)],
    answers: { 200: jsonAnswer("The queue.", "Queue") },
    codes: ["queue_unknown", "query_invalid", "aws_call_failed"],
  });
}

function listDeadLetters(basis: Basis) {
  return operation(basis, {
    id: "listDeadLetters",
    tag: "Queues",
    summary: "Look at dead letters",
    description: "Some of the queue's dead letters, with the reason and without what the jobs were given.",
    need: "read",
    parameters: [
      queueName(basis),
      queryParameter("limit", "How many.", { type: "integer", minimum: 1, maximum: 100, default: 20 }),
    ],
    answers: { 200: jsonAnswer("Dead letters.", "DeadLetters") },
    codes: ["queue_unknown", "query_invalid", "aws_call_failed"],
  });
}

const jobIds: Schema = {
  type: "object",
  description: "Those of these jobs.",
  properties: { job_ids: { type: "array", minItems: 1, maxItems: 1000, items: jobIdSchema } },
  required: ["job_ids"],
  additionalProperties: false,
};

const jobType: Schema = {
  type: "object",
  description: "Those of this job type.",
  properties: { job_type: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9_.-]{0,79}$", examples: ["IncrementJob"] } },
  required: ["job_type"],
  additionalProperties: false,
};

function redrive(basis: Basis) {
  const limit: Schema = {
    type: "object",
    description: "All, or at most so many.",
    properties: { limit: { type: "integer", minimum: 1, maximum: 1_000_000 } },
    additionalProperties: false,
  };
  return operation(basis, {
    id: "redriveDeadLetters",
    tag: "Queues",
    summary: "Send dead letters back to their queue",
    description:
      "As the same jobs, with their ids; attempts are counted anew. Takes at most 20 s: `left` says what remains.",
    need: "operate",
    parameters: [queueName(basis)],
    body: {
      required: true,
      content: jsonContent({ oneOf: [jobIds, jobType, limit] }, { all: {}, type: { job_type: "IncrementJob" } }),
    },
    answers: { 200: jsonAnswer("What was sent back.", "Redriven") },
    codes: [...bodyCodes, "queue_unknown", "job_id_invalid", "aws_call_failed"],
  });
}

function drop(basis: Basis) {
  const all: Schema = {
    type: "object",
    description: "All of them.",
    properties: { all: { type: "boolean", const: true } },
    required: ["all"],
    additionalProperties: false,
  };
  return operation(basis, {
    id: "dropDeadLetters",
    tag: "Queues",
    summary: "Delete dead letters",
    description: "They are gone for good. Takes at most 20 s: `left` says what remains.",
    need: "operate",
    parameters: [queueName(basis)],
    body: {
      required: true,
      content: jsonContent(
        { oneOf: [jobIds, jobType, all] },
        { type: { job_type: "IncrementJob" }, all: { all: true } },
      ),
    },
    answers: { 200: jsonAnswer("What was deleted.", "Dropped") },
    codes: [...bodyCodes, "queue_unknown", "job_id_invalid", "aws_call_failed"],
  });
}

function pause(basis: Basis, what: "pause" | "resume") {
  const isPause = what === "pause";
  return operation(basis, {
    id: `${what}Queue`,
    tag: "Queues",
    summary: isPause ? "Pause a queue" : "Resume a queue",
    description: isPause
      ? "Its deliveries stop: jobs may still be enqueued, and wait; those that are running go on. Takes no body."
      : "Its deliveries go on. Takes no body.",
    need: "operate",
    parameters: [queueName(basis)],
    answers: { 200: jsonAnswer("Done.", "QueuePause") },
    codes: ["queue_unknown", "aws_call_failed"],
  });
}
