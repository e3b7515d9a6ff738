import { errorCatalogue } from "@tendril/core/errors";
import type { Header, MediaType, ResponseModel, Schema } from "./document-model.ts";
import { schemaRef } from "./document-model.ts";

/** How callers show who they are; see `ApiAuth` of core. */
export type AuthKind = "iam" | "token" | "jwt";

/** The codes that the API refuses requests with; all others of the catalogue are `request_failed` to a caller. */
export const answerCodes = [
  "aws_call_failed",
  "body_not_json",
  "body_not_object",
  "body_too_large",
  "content_type_unsupported",
  "database_away",
  "dead_letter_missing",
  "duration_invalid",
  "forbidden",
  "input_invalid",
  "job_begun",
  "job_id_invalid",
  "job_not_dead",
  "job_type_missing",
  "job_type_unknown",
  "job_unknown",
  "job_untracked",
  "key_conflict",
  "method_not_allowed",
  "query_invalid",
  "queue_unknown",
  "rate_limited",
  "request_failed",
  "route_unknown",
  "schedule_unknown",
  "unauthorized",
] as const;

/** One of `answerCodes`. */
export type AnswerCode = (typeof answerCodes)[number];

/** Headers that answers have. */
export const fixedHeaders: Readonly<Record<string, Header>> = {
  RequestId: {
    description:
      "The request's own x-request-id, when it sent one of at most 255 letters, digits, `_`, `-` and `=`; else a new one. The log has it.",
    required: true,
    schema: { type: "string", pattern: "^[\\w=-]{1,255}$", examples: ["0b2f6a2e-6f0f-4a57-9a51-1d1a4f0c8f11"] },
  },
  RetryAfter: {
    description: "Seconds to wait before the request is repeated.",
    schema: { type: "integer", minimum: 0, examples: [1] },
  },
  Location: {
    description: "Where the job can be asked for.",
    schema: { type: "string", examples: ["/jobs/01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"] },
  },
};

const requestId = { "x-request-id": { $ref: "#/components/headers/RequestId" } };
const retryAfter = { "retry-after": { $ref: "#/components/headers/RetryAfter" } };

/** An answer in JSON. */
export function jsonAnswer(
  description: string,
  name: string,
  examples?: MediaType["examples"],
  headers: ResponseModel["headers"] = {},
): ResponseModel {
  const media = { schema: schemaRef(name), ...(examples === undefined ? {} : { examples }) };
  return { description, headers: { ...requestId, ...headers }, content: { "application/json": media } };
}

/** An answer that is a text of another kind. */
export function textAnswer(description: string, mediaType: string): ResponseModel {
  return { description, headers: requestId, content: { [mediaType]: { schema: { type: "string" } } } };
}

/**
 * The refusals of an operation, by status: each of its codes stands under the status that the catalogue gives it. A status
 * that API Gateway answers itself has its form of words too.
 */
export function refusals(codes: readonly AnswerCode[], auth: AuthKind, isOpen: boolean): Record<string, ResponseModel> {
  const byStatus = new Map<number, AnswerCode[]>();
  for (const code of new Set(codes)) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const gateway = gatewayStatuses(auth, isOpen);
  const statuses = [...new Set([...byStatus.keys(), ...gateway])].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [String(status), refusal(status, byStatus.get(status) ?? [], gateway.includes(status))]),
  );
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting.html */
function gatewayStatuses(auth: AuthKind, isOpen: boolean): readonly number[] {
  if (isOpen || auth === "token") return [429];
  return auth === "iam" ? [403, 429] : [401, 403, 429];
}

function refusal(status: number, codes: readonly AnswerCode[], fromGateway: boolean): ResponseModel {
  const said = codes.map((code) => `\`${code}\`: ${errorCatalogue[code].title}.`);
  const description = [...said, ...(fromGateway ? ["API Gateway itself may answer so, in its own words."] : [])].join(
    " ",
  );
  return {
    description,
    headers: {
      ...(fromGateway ? optionalRequestId : requestId),
      ...(status === 429 || status === 503 ? retryAfter : {}),
    },
    content: {
      ...(codes.length === 0 ? {} : { "application/problem+json": problemMedia(status, codes) }),
      ...(fromGateway ? { "application/json": { schema: schemaRef("GatewayRefusal") } } : {}),
    },
  };
}

/** API Gateway's own answers have none. */
const optionalRequestId = {
  "x-request-id": { description: "As in every answer of Tendril's own.", schema: { type: "string" } },
};

function problemMedia(status: number, codes: readonly AnswerCode[]): MediaType {
  const narrowed: Schema = {
    type: "object",
    properties: { status: { type: "integer", const: status }, code: { type: "string", enum: codes } },
    required: ["status", "code"],
  };
  return { schema: { allOf: [schemaRef("Problem"), narrowed] } };
}
