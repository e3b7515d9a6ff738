/** What an API must hold to, whatever it is asked. */
import { methods, type OpenApiDocument, type Operation } from "@tendril/api/openapi/document-model";
import { problemMediaType } from "@tendril/api/problem";
import { type ErrorCode, errorCatalogue } from "@tendril/core/errors";
import { type DocumentCheck, responseOf } from "./document-check.ts";
import type { FuzzRequest } from "./requests.ts";
import type { Counts } from "./running-api.ts";

/** An answer as it came over the wire. */
export interface FuzzAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A request with its answer, and what there was before and after. */
export interface FuzzCase {
  readonly request: FuzzRequest;
  readonly answer: FuzzAnswer;
  readonly before: Counts;
  readonly after: Counts;
}

/** Answers by API Gateway itself: the request never reached the API. */
const gatewayStatuses = new Set([413, 431]);

/** Says what is wrong with how a request was answered; nothing when all is well. */
export function judge(document: OpenApiDocument, check: DocumentCheck, fuzzed: FuzzCase): readonly string[] {
  const { request, answer } = fuzzed;
  const isHead = request.method === "HEAD";
  const body = isHead ? undefined : parse(answer.text);
  if (isGatewayAnswer(answer, body, isHead)) return changes(fuzzed, {});
  // The answer to a HEAD has no body that would tell which 404 it is.
  const isUnknownRoute = member(body, "code") === "route_unknown" || (isHead && answer.status === 404);
  const isRefusedPath = isUnknownRoute && hasDots(request.target);
  const operation = isRefusedPath ? undefined : operationOf(document, request);
  return [
    ...(answer.status >= 500 ? [`status ${answer.status}`] : []),
    ...(typeof answer.headers["x-request-id"] === "string" ? [] : ["no x-request-id"]),
    ...(answer.status >= 400 && !isHead ? badProblem(answer, body) : []),
    ...(operation === undefined ? badRefusal(answer) : badAnswer(document, check, operation, answer, body, isHead)),
    ...badAdmission(request, operation, answer),
    ...(operation === undefined ? [] : disagreements(check, request, operation, answer, body)),
    ...(operation?.operationId === undefined
      ? changes(fuzzed, {})
      : changes(fuzzed, expected(operation, answer, body))),
  ];
}

function isGatewayAnswer({ status, headers }: FuzzAnswer, body: unknown, isHead: boolean): boolean {
  const isOwn = headers["x-request-id"] === undefined && (isHead || member(body, "message") !== undefined);
  return gatewayStatuses.has(status) && isOwn;
}

/** Problem details whose code is one of the catalogue's, with its status. */
function badProblem({ status, headers }: FuzzAnswer, body: unknown): readonly string[] {
  if (status === 503 && member(body, "checks") !== undefined) return [];
  if (headers["content-type"] !== problemMediaType) return [`a refusal of type ${headers["content-type"]}`];
  const code = member(body, "code");
  if (!isErrorCode(code)) return [`a refusal of the code ${code}`];
  const wanted = errorCatalogue[code];
  const fits = wanted.status === status && member(body, "status") === status && member(body, "title") === wanted.title;
  return fits && member(body, "type") === `urn:tendril:error:${code}` ? [] : [`${code} with status ${status}`];
}

/** What is not in the document is refused: as that, or for another reason. */
function badRefusal({ status, headers }: FuzzAnswer): readonly string[] {
  if (status === 405 && typeof headers.allow !== "string") return ["405 without allow"];
  return status >= 400 ? [] : [`what is not in the document answered with ${status}`];
}

function badAnswer(
  document: OpenApiDocument,
  check: DocumentCheck,
  operation: Operation,
  { status, headers }: FuzzAnswer,
  body: unknown,
  isHead: boolean,
): readonly string[] {
  const response = responseOf(document, operation, status);
  if (response === undefined)
    return [`${operation.operationId}: status ${status} ${member(body, "code")} is not in the document`];
  const type = String(headers["content-type"]).split(";")[0] ?? "";
  const media = response.content?.[type];
  if (media === undefined) return [`${operation.operationId}: ${status} of type ${type} is not in the document`];
  const missing = Object.keys(response.headers ?? {}).filter(
    (name) => name === "x-request-id" && headers[name] === undefined,
  );
  if (isHead || media.schema.type === "string") return missing;
  const why = check(media.schema, body);
  return why === undefined ? missing : [`${operation.operationId}: the body of ${status} does not fit: ${why}`];
}

/** Nobody gets in without a token that allows it. */
function badAdmission(
  { caller }: FuzzRequest,
  operation: Operation | undefined,
  { status }: FuzzAnswer,
): readonly string[] {
  if (operation === undefined || status >= 400) return [];
  const scopes = operation.security.flatMap((each) => Object.values(each)).flat();
  const allowed = scopes.length === 0 || caller === "all" || scopes.includes(caller);
  return allowed ? [] : [`${operation.operationId}: ${status} for a caller with ${caller}`];
}

/** What the document's schema forbids is refused; one that has nothing wrong is not refused as not fitting. */
function disagreements(
  check: DocumentCheck,
  request: FuzzRequest,
  { operationId, requestBody }: Operation,
  { status }: FuzzAnswer,
  body: unknown,
): readonly string[] {
  const schema = requestBody?.content["application/json"]?.schema;
  if (schema === undefined || request.method === "HEAD") return [];
  const sent = request.body === undefined ? undefined : parse(request.body);
  const why = sent === undefined ? "no JSON" : check(schema, sent);
  if (status < 300 && status !== 207 && why !== undefined)
    return [`${operationId}: ${status}, and the document says: ${why}`];
  const code = member(body, "code");
  if (request.mutations.length > 0 || why !== undefined || code === undefined) return [];
  const known = [
    "input_invalid",
    "body_not_json",
    "body_not_object",
    "job_type_unknown",
    "job_type_missing",
    "content_type_unsupported",
  ];
  if (!known.includes(String(code)) || isLoose(JSON.stringify(sent), request)) return [];
  return [`${operationId}: the document allows it, and it is refused as ${code}: ${JSON.stringify(body)}`];
}

/** What a schema of the document cannot say exactly: see `looseJobs`; and `delay` beside `at`, and two different keys. */
function isLoose(text: string, { path, headers }: FuzzRequest): boolean {
  return (
    /(Date|Map|Transform|Valibot|Async)Job/.test(text + path) ||
    (text.includes('"delay":') && text.includes('"at":')) ||
    headers["idempotency-key"] !== undefined
  );
}

interface Expected {
  /** How many more messages there must be: at least, at most. */
  readonly jobs?: readonly [number, number];
  readonly deadLetters?: number;
  readonly keys?: readonly [number, number];
  /** Whether jobs of the ledger may have changed. */
  readonly ledger?: boolean;
}

/** What an accepted request says that it has done. */
function expected({ operationId }: Operation, { status }: FuzzAnswer, body: unknown): Expected {
  if (status >= 300 || body === undefined) return {};
  const number = (name: string): number => Number(member(body, name));
  switch (operationId) {
    case "cancelJob":
      return { ledger: true };
    case "retryJob":
      return { jobs: [1, 1], deadLetters: -1 };
    case "redriveDeadLetters":
      return { jobs: [number("redriven"), number("redriven")], deadLetters: -number("redriven") };
    case "dropDeadLetters":
      return { deadLetters: -number("dropped") };
    case "runSchedule":
      return { jobs: [1, 1] };
    case "enqueueJob":
      return enqueued(Array.isArray(member(body, "jobs")) ? member(body, "jobs") : [body]);
    default:
      return /^post[A-Z]/.test(operationId) ? enqueued([body]) : {};
  }
}

/** Jobs of one id in one list are one message; of a key that was used before, a FIFO queue takes none again. */
function enqueued(jobs: unknown): Expected {
  const accepted = (Array.isArray(jobs) ? jobs : []).filter((each) => member(each, "problem") === undefined);
  const ids = new Map(accepted.map((each) => [String(member(each, "job_id")), member(each, "queue")]));
  const keyed = [...ids.keys()].filter((id) => id[14] === "5").length;
  const again = [...ids].filter(([id, queue]) => id[14] === "5" && queue === "ordered").length;
  return { jobs: [ids.size - again, ids.size], keys: [0, keyed] };
}

function changes(
  { before, after }: FuzzCase,
  { jobs = [0, 0], deadLetters = 0, keys = [0, 0], ledger = false }: Expected,
): readonly string[] {
  const wrong = (what: string, change: number, [least, most]: readonly [number, number]): readonly string[] =>
    change >= least && change <= most ? [] : [`${what}: ${change} more, not ${least} to ${most}`];
  return [
    ...wrong("messages", after.jobs - before.jobs, jobs),
    ...wrong("dead letters", after.deadLetters - before.deadLetters, [deadLetters, deadLetters]),
    ...wrong("keys", after.keys - before.keys, keys),
    ...(ledger || after.ledger === before.ledger ? [] : ["the ledger has changed"]),
  ];
}

/** The operation that a request reaches, whatever it was made from. */
export function operationOf({ paths }: OpenApiDocument, request: FuzzRequest): Operation | undefined {
  if (request.mutations.length === 0) return request.operation;
  const { method, target } = request;
  const path = pathOf(target);
  const name = methods.find((each) => each === (method === "HEAD" ? "get" : method.toLowerCase()));
  const found = Object.entries(paths).find(([template]) => pathPattern(template).test(path));
  return name === undefined ? undefined : found?.[1][name];
}

/** The path as the API sees it: decoded by API Gateway, and as a URL again, which has no dots between slashes. */
function pathOf(target: string): string {
  const [encoded = ""] = target.split("?");
  const decoded = encoded.replace(/(%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll("%", ""), "hex").toString(),
  );
  return new URL(`http://host${encodeURI(decoded).replace(/[?#]/g, encodeURIComponent)}`).pathname;
}

/** Segments of dots may be resolved, or refused. */
const hasDots = (target: string): boolean => /\/(\.|%2e){1,2}(\/|%2f|\?|$)/i.test(target);

/** The name of a schedule may have slashes, the only one. */
const pathPattern = (template: string): RegExp =>
  new RegExp(
    `^${template
      .replace(/[.$]/g, "\\$&")
      .replace("/schedules/{name}/", "/schedules/[^]+/")
      .replace(/\{\w+\}/g, "[^/]+")}$`,
  );

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(errorCatalogue, code);

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function parse(given: string | Uint8Array): unknown {
  try {
    const text = typeof given === "string" ? given : new TextDecoder("utf-8", { fatal: true }).decode(given);
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
}
