import { type AnswerCode, type AuthKind, refusals } from "./answers.ts";
import type { Content, Operation, Parameter, ResponseModel, Schema, SecurityRequirement } from "./document-model.ts";

/** What a caller must be allowed to; `open`: nothing, not even to say who it is. */
export type Need = "enqueue" | "read" | "operate" | "open";

/** What every part of a document is made from. */
export interface Basis {
  /** Whether inputs may be too large for a message. */
  readonly largeInputs: boolean;
  readonly auth: AuthKind;
  readonly queues: readonly { readonly name: string; readonly fifo: boolean }[];
}

/** An operation in short. */
export interface OperationOptions {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly need: Need;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly content: Content; readonly required: boolean; readonly description?: string };
  /** Answers other than refusals, by status. */
  readonly answers: Readonly<Record<string, ResponseModel>>;
  /** Refusals besides those that every operation has. */
  readonly codes: readonly AnswerCode[];
}

/** The codes of what reads the ledger. */
export const ledgerCodes: readonly AnswerCode[] = ["database_away", "aws_call_failed"];

/** The codes of a body in JSON. */
export const bodyCodes: readonly AnswerCode[] = [
  "body_not_json",
  "body_not_object",
  "body_too_large",
  "content_type_unsupported",
  "input_invalid",
];

/** An operation as the document has it. */
export function operation({ auth }: Pick<Basis, "auth">, options: OperationOptions): Operation {
  const { id, tag, summary, description, need, parameters, body, answers, codes } = options;
  const isOpen = need === "open";
  const common: AnswerCode[] = ["rate_limited", "request_failed"];
  if (!isOpen && auth === "token") common.push("unauthorized");
  if (!isOpen && auth !== "iam") common.push("forbidden");
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: isOpen ? [] : [securityOf(auth, need)],
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answers, ...refusals([...codes, ...common], auth, isOpen) },
  };
}

function securityOf(auth: AuthKind, need: Need): SecurityRequirement {
  return { [auth]: auth === "iam" ? [] : [need] };
}

/** A body in JSON. */
export const jsonContent = (schema: Schema, examples: Readonly<Record<string, unknown>>): Content => ({
  "application/json": {
    schema,
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  },
});

/** A parameter of the query: optional. */
export const queryParameter = (name: string, description: string, schema: Schema, example?: unknown): Parameter => ({
  name,
  in: "query",
  description,
  schema,
  ...(example === undefined ? {} : { example }),
});
