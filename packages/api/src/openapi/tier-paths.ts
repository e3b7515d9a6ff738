import { jsonAnswer, textAnswer } from "./answers.ts";
import type { PathItem } from "./document-model.ts";
import { type Basis, operation, queryParameter } from "./operation.ts";

/** Schedules, health, and the document itself. */
export function tierPaths(basis: Basis, openDocs: boolean): Readonly<Record<string, PathItem>> {
  return {
    "/schedules": { get: listSchedules(basis) },
    "/schedules/{name}/run": { post: runSchedule(basis) },
    "/health": { get: health(basis) },
    "/openapi.json": { get: document(basis, openDocs) },
    "/docs": { get: page(basis, openDocs) },
  };
}

function listSchedules(basis: Basis) {
  return operation(basis, {
    id: "listSchedules",
    tag: "Schedules",
    summary: "List the schedules with their next runs",
    description: "What cron.yaml says.",
    need: "read",
    answers: { 200: jsonAnswer("Every schedule.", "Schedules") },
    codes: ["query_invalid"],
  });
}

function runSchedule(basis: Basis) {
  return operation(basis, {
    id: "runSchedule",
    tag: "Schedules",
    summary: "Run a schedule now",
    description: "Sends the message that its next run would send. Its own times stay as they are. Takes no body.",
    need: "operate",
    parameters: [
      {
        name: "name",
        in: "path",
        required: true,
        description: "The schedule's name in cron.yaml.",
        schema: { type: "string" },
        example: "cron-job",
      },
    ],
    answers: { 202: jsonAnswer("Sent.", "QueuedJob") },
    codes: ["schedule_unknown", "aws_call_failed"],
  });
}

function health(basis: Basis) {
  const answer = (description: string) => jsonAnswer(description, "Health");
  const refused = operation(basis, {
    id: "getHealth",
    tag: "Tier",
    summary: "See whether it works",
    description:
      "Says what it checked. Without `deep` it needs no permission and asks nothing but the function itself; with it, it needs `read` and asks each queue and the database.",
    need: "open",
    parameters: [
      queryParameter(
        "deep",
        "Whether to ask the queues and the database.",
        { type: "string", enum: ["true", "false"] },
        "true",
      ),
    ],
    answers: { 200: answer("Everything that was checked works.") },
    codes: ["query_invalid", ...(basis.auth === "token" ? (["unauthorized", "forbidden"] as const) : [])],
  });
  return { ...refused, responses: { ...refused.responses, 503: answer("Something that was checked does not work.") } };
}

function document(basis: Basis, open: boolean) {
  return operation(basis, {
    id: "getOpenApi",
    tag: "Tier",
    summary: "This document",
    description: "OpenAPI 3.1, made from the tier.",
    need: open ? "open" : "read",
    answers: {
      200: {
        ...textAnswer("The document.", "application/json"),
        content: { "application/json": { schema: { type: "object" } } },
      },
    },
    codes: [],
  });
}

function page(basis: Basis, open: boolean) {
  return operation(basis, {
    id: "getDocs",
    tag: "Tier",
    summary: "This document, to be read",
    description: "One page of HTML, without scripts or anything from elsewhere.",
    need: open ? "open" : "read",
    answers: { 200: textAnswer("The page.", "text/html") },
    codes: [],
  });
}
