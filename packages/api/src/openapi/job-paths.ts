import { jsonAnswer } from "./answers.ts";
import { jobIdSchema } from "./components.ts";
import { type Parameter, type PathItem, schemaRef } from "./document-model.ts";
import { type Basis, ledgerCodes, operation, queryParameter } from "./operation.ts";

const jobId: Parameter = { name: "id", in: "path", required: true, description: "The job's id.", schema: jobIdSchema };

/** `GET /jobs`, and what is under `/jobs/{id}`. */
export function jobPaths(basis: Basis): Readonly<Record<string, PathItem>> {
  return {
    "/jobs": { get: listJobs(basis) },
    "/jobs/{id}": { get: getJob(basis), delete: cancelJob(basis) },
    "/jobs/{id}/retry": { post: retryJob(basis) },
  };
}

function listJobs(basis: Basis) {
  const time = { type: "string", format: "date-time" };
  return operation(basis, {
    id: "listJobs",
    tag: "Jobs",
    summary: "List jobs",
    description:
      "Jobs that have begun, or with the state `queued` those with a key that have not; the one whose last attempt began last first. A page may have fewer jobs than `limit`, even none, and a `next` all the same.",
    need: "read",
    parameters: [
      queryParameter("state", "Only jobs in this state.", schemaRef("JobState"), "dead"),
      queryParameter(
        "type",
        "Only jobs of this type.",
        { type: "string", pattern: "^[A-Za-z][A-Za-z0-9_-]{0,79}$" },
        "IncrementJob",
      ),
      queryParameter("queue", "Only jobs of this queue.", { type: "string", pattern: "^[a-z0-9-]{1,20}$" }, "jobs"),
      queryParameter(
        "since",
        "Only jobs whose last attempt began at this time or later.",
        time,
        "2026-11-20T10:00:00Z",
      ),
      queryParameter("until", "Only jobs whose last attempt began before this time.", time, "2026-11-21T10:00:00Z"),
      queryParameter("limit", "How many on a page.", { type: "integer", minimum: 1, maximum: 100, default: 20 }),
      queryParameter("cursor", "`next` of the page before.", { type: "string", pattern: "^[\\x21-\\x7e]{1,1000}$" }),
    ],
    answers: { 200: jsonAnswer("A page of jobs.", "JobPage") },
    codes: ["query_invalid", ...ledgerCodes],
  });
}

function getJob(basis: Basis) {
  const wait = queryParameter(
    "wait",
    "Answers when the job has come to an end, or after this time, at most 25 seconds: `20s` or `20 seconds`.",
    { type: "string", pattern: "^(\\d{1,6}s|\\d+(\\.\\d+)? (millisecond|second)s?)$" },
    "20s",
  );
  return operation(basis, {
    id: "getJob",
    tag: "Jobs",
    summary: "See how a job stands",
    description:
      "A job that was enqueued here and has not begun is `queued`. An id that is not known was never given, or was given elsewhere (by another producer, by a schedule) and has not begun.",
    need: "read",
    parameters: [jobId, wait],
    answers: { 200: jsonAnswer("The job.", "Job") },
    codes: ["job_id_invalid", "job_unknown", "query_invalid", ...ledgerCodes],
  });
}

function cancelJob(basis: Basis) {
  return operation(basis, {
    id: "cancelJob",
    tag: "Jobs",
    summary: "Cancel a job that has not begun",
    description: "Its delivery is then skipped. Repeating it changes nothing.",
    need: "operate",
    parameters: [jobId],
    answers: { 200: jsonAnswer("It will not run.", "CancelledJob") },
    codes: ["job_id_invalid", "job_unknown", "job_begun", "job_untracked", ...ledgerCodes],
  });
}

function retryJob(basis: Basis) {
  return operation(basis, {
    id: "retryJob",
    tag: "Jobs",
    summary: "Send a dead job back to its queue",
    description: "The same job, with its id; its attempts are counted anew. Takes no body.",
    need: "operate",
    parameters: [jobId],
    answers: { 202: jsonAnswer("It is back on its queue.", "RetriedJob") },
    codes: ["job_id_invalid", "job_unknown", "job_not_dead", "dead_letter_missing", ...ledgerCodes],
  });
}
