import { errorCatalogue } from "@tendril/core/errors";
import { jobStates } from "@tendril/core/job-record";
import { answerCodes } from "./answers.ts";
import { type Schema, schemaRef } from "./document-model.ts";

const time = (description: string): Schema => ({
  type: "string",
  format: "date-time",
  description,
  examples: ["2026-11-20T10:00:00.000Z"],
});

const text = (description: string, example?: string): Schema => ({
  type: "string",
  description,
  ...(example === undefined ? {} : { examples: [example] }),
});

const count = (description: string, example = 0): Schema => ({
  type: "integer",
  minimum: 0,
  description,
  examples: [example],
});

function record(
  description: string,
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", description, properties, required };
}

/** A job id in the path, the query or a body. */
export const jobIdSchema: Schema = {
  type: "string",
  format: "uuid",
  description: "The job's id, a UUID.",
  examples: ["01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"],
};

const jobType = text("The job type's name.", "IncrementJob");
const queue = text("The queue's name in the tier.", "jobs");

const queued = record("A job that was accepted.", { job_id: jobIdSchema, job_type: jobType, queue });

const job = record(
  "A job and how it stands. Times are of the database's clock.",
  {
    job_id: jobIdSchema,
    job_type: jobType,
    queue: text("The queue that delivered it last, or that it was sent to.", "jobs"),
    state: schemaRef("JobState"),
    attempts: count("Attempts that have begun, of those since it was new or was last sent back to its queue.", 1),
    enqueued_at: time("When it was enqueued, where that is known."),
    first_started_at: time("When its first attempt began."),
    started_at: time("When its last attempt began."),
    failed_at: time("When its last failed attempt failed."),
    finished_at: time("When it reached its end."),
    last_error: text("What its last failed attempt said.", "Error: the other side did not answer"),
    result: { description: "What the handler returned; absent when that was nothing. Lists of jobs leave it out." },
    schedule: record("The schedule's run that it is.", {
      name: text("The schedule's name.", "cron-job"),
      scheduled_at: time("The time of the run."),
    }),
    tracked: {
      type: "boolean",
      const: false,
      description:
        'Present and false when the job type keeps no record (`effects: "at-least-once"`): its state then stays `queued`.',
    },
  },
  [
    "enqueued_at",
    "first_started_at",
    "started_at",
    "failed_at",
    "finished_at",
    "last_error",
    "result",
    "schedule",
    "tracked",
  ],
);

const deadLetter = record(
  "A message that no attempt follows.",
  {
    message_id: text("SQS's id of the message.", "6b1ff3a7-2c0e-4a3b-9d5f-0c1f9e8b7a66"),
    job_id: text("The job's id.", "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"),
    job_type: jobType,
    error: text("Why it is dead.", "Error: the other side did not answer"),
    attempt: count("Which attempt failed last.", 5),
    died_at: time("When that was."),
    sent_at: time("When the message came into the dead-letter queue or, sent there by SQS itself, its first queue."),
    receives: count("How often SQS has delivered it.", 1),
    group: text("Its message group.", "customer-7"),
  },
  ["job_type", "attempt", "died_at", "group"],
);

const failures: Schema = {
  type: "array",
  description: "Those that could not be, and why.",
  items: record("One that could not be.", { job_id: text("The job's id."), why: text("Why not.") }),
};

const problem: Schema = {
  ...record(
    "Problem details: why a request was refused. https://www.rfc-editor.org/rfc/rfc9457",
    {
      type: {
        type: "string",
        description: "`urn:tendril:error:CODE`: stable.",
        pattern: "^urn:tendril:error:[a-z_]+$",
      },
      title: text("What kind of problem it is."),
      status: { type: "integer", minimum: 400, maximum: 599, description: "The status of the response." },
      detail: text("What is wrong with this request."),
      code: { type: "string", description: "Stable; programs may match on it.", enum: answerCodes },
      where: text("The part of the request that is wrong.", "data.email"),
      given: text("What was given: its kind or size, never its content.", "a string"),
      allowed: text("What would have been accepted."),
      fix: text("What to do about it."),
    },
    ["where", "given", "allowed", "fix"],
  ),
  examples: [
    {
      type: "urn:tendril:error:input_invalid",
      title: errorCatalogue.input_invalid.title,
      status: errorCatalogue.input_invalid.status,
      detail: `${errorCatalogue.input_invalid.title} (data): given nothing, allowed data: expected string.`,
      code: "input_invalid",
      where: "data",
      given: "nothing",
      allowed: "data: expected string",
    },
  ],
};

const accepted = record("A job of the list that was accepted.", {
  status: { type: "integer", const: 202 },
  job_id: jobIdSchema,
  job_type: jobType,
  queue,
});

const refused = record(
  "A job of the list that was refused. With an id and a status of 500 or more it may have been sent all the same: send it again with that key or not at all.",
  { status: { type: "integer", minimum: 400, maximum: 599 }, problem: schemaRef("Problem"), job_id: jobIdSchema },
  ["job_id"],
);

/** The schemas that every tier's document has. None of their names ends in `Input`, `Body` or `NewJob` but `NewJob` itself. */
export const fixedSchemas: Readonly<Record<string, Schema>> = {
  QueuedJob: queued,
  EnqueuedJob: {
    ...queued,
    properties: { ...queued.properties, state: { type: "string", const: "queued" } },
    required: [...(queued.required ?? []), "state"],
  },
  EnqueuedJobs: record("What became of each job of a list, in its order.", {
    accepted: count("How many were accepted.", 1),
    refused: count("How many were refused."),
    jobs: {
      type: "array",
      items: { oneOf: [schemaRef("AcceptedJob"), schemaRef("RefusedJob")] },
      minItems: 1,
      maxItems: 1000,
    },
  }),
  AcceptedJob: accepted,
  RefusedJob: refused,
  Job: job,
  JobState: {
    type: "string",
    enum: [...jobStates],
    description:
      "`queued`: not begun; `running`: an attempt is under way; `retry`: an attempt failed, another follows; `done`; `dead`: no attempt follows; `skipped`: was not to run; `cancelled`: before it began.",
  },
  JobPage: record(
    "Jobs, the one whose last attempt began last first, without their results.",
    {
      jobs: { type: "array", items: schemaRef("Job") },
      next: text("The `cursor` of the next page; absent after the last one."),
    },
    ["next"],
  ),
  CancelledJob: record("A job that will not run.", {
    job_id: jobIdSchema,
    state: { type: "string", const: "cancelled" },
  }),
  RetriedJob: record("A job that is back on its queue.", { job_id: jobIdSchema, queue }),
  Queue: record("A queue and what lies in it. SQS counts approximately.", {
    name: queue,
    fifo: { type: "boolean", description: "Whether it keeps the order within a message group." },
    waiting: count("Messages that may be delivered now."),
    delayed: count("Messages that are held back until their time."),
    in_flight: count("Messages that are with a worker, or wait for their next attempt."),
    dead_letters: count("Messages in its dead-letter queue."),
    paused: { type: ["boolean", "null"], description: "Whether deliveries are stopped; null when that is not known." },
  }),
  Queues: record("Every queue of the tier.", { queues: { type: "array", items: schemaRef("Queue") } }),
  DeadLetter: deadLetter,
  DeadLetters: record("Dead letters of a queue, and how many there are.", {
    dead_letters: { type: "array", items: schemaRef("DeadLetter") },
    total: count("Messages in the dead-letter queue, as SQS counts them."),
  }),
  Redriven: record("What was sent back.", {
    redriven: count("Dead letters that are back on their queue.", 1),
    failed: failures,
    left: count("Chosen ones that remain: ask again."),
  }),
  Dropped: record("What was deleted.", {
    dropped: count("Dead letters that are gone.", 1),
    failed: failures,
    left: count("Chosen ones that remain: ask again."),
  }),
  QueuePause: record("Whether a queue delivers.", {
    name: queue,
    paused: { type: "boolean", description: "Whether deliveries are stopped." },
  }),
  Schedule: record(
    "An entry of cron.yaml.",
    {
      name: text("Its name.", "cron-job"),
      job_type: jobType,
      queue,
      expression: text("When it runs, as cron.yaml says it.", "*/5 * * * *"),
      timezone: text("The IANA zone that the expression is meant in.", "UTC"),
      enabled: { type: "boolean", description: "Whether it runs of itself." },
      built_in: { type: "boolean", description: "Whether the tier has it of its own accord, and cron.yaml does not." },
      description: text("What it is for."),
      next_runs: { type: "array", maxItems: 5, description: "The next times that it runs.", items: time("A run.") },
    },
    ["description"],
  ),
  Schedules: record("Every schedule of the tier.", { schedules: { type: "array", items: schemaRef("Schedule") } }),
  Health: record("What was checked, and what came out.", {
    status: { type: "string", enum: ["ok", "failed"], description: "`ok` when every check is." },
    checks: {
      type: "array",
      minItems: 1,
      items: record("One check.", {
        name: text("What was asked.", "function"),
        status: { type: "string", enum: ["ok", "failed"] },
        says: text("What the answer means.", "this function answers"),
      }),
    },
  }),
  Problem: problem,
  GatewayRefusal: record("What API Gateway itself answers, before the request reaches Tendril.", {
    message: text("Why.", "Forbidden"),
  }),
};
