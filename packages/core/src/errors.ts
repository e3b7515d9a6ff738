/**
 * Every code that a TendrilError can carry, with what it means. A code is stable: scripts and alarms may match on it.
 * The HTTP API uses `status` when the error answers a request.
 */
export const errorCatalogue = {
  aws_call_failed: { status: 502, title: "An AWS call failed" },
  body_not_json: { status: 400, title: "The body is not JSON" },
  body_not_object: { status: 400, title: "The body is not a JSON object" },
  body_too_large: { status: 413, title: "The body is too large" },
  claim_invalid: { status: 500, title: "The message's claim check cannot be used" },
  claim_missing: { status: 500, title: "The job's input is no longer in S3" },
  content_type_unsupported: { status: 415, title: "The content type is not supported" },
  cron_yaml_invalid: { status: 500, title: "cron.yaml cannot be read" },
  database_away: { status: 503, title: "The database does not answer" },
  dead_letter_missing: { status: 404, title: "There is no such dead letter" },
  duration_invalid: { status: 422, title: "A duration cannot be read" },
  envelope_invalid: { status: 400, title: "A source's message cannot be read" },
  envelope_unknown: { status: 400, title: "The message is neither a job nor of a source of its queue" },
  environment_invalid: { status: 500, title: "An environment variable cannot be used" },
  forbidden: { status: 403, title: "The caller may not do this" },
  handler_missing: { status: 500, title: "A job type has no handler" },
  input_invalid: { status: 422, title: "The input does not fit the job type" },
  job_begun: { status: 409, title: "The job has begun" },
  job_crashed: { status: 500, title: "The job's process ended while it ran" },
  job_failed: { status: 409, title: "The job did not succeed" },
  job_id_invalid: { status: 400, title: "The job id is not a UUID" },
  job_not_dead: { status: 409, title: "The job is not dead" },
  job_spec_invalid: { status: 500, title: "A job type is not defined correctly" },
  job_type_missing: { status: 400, title: "The message names no job type" },
  job_type_unknown: { status: 404, title: "The job type is unknown" },
  job_unknown: { status: 404, title: "The job is unknown" },
  jobs_endless: { status: 500, title: "Jobs do not come to an end" },
  job_untracked: { status: 409, title: "The ledger keeps nothing of the job" },
  key_conflict: { status: 422, title: "The idempotency key was used with another input" },
  link_missing: { status: 500, title: "A linked resource is missing" },
  method_not_allowed: { status: 405, title: "The method is not allowed here" },
  migration_invalid: { status: 500, title: "A migration cannot be applied" },
  port_in_use: { status: 500, title: "A port is in use" },
  postgres_unavailable: { status: 500, title: "PostgreSQL cannot be started" },
  project_missing: { status: 500, title: "There is no Tendril project here" },
  query_invalid: { status: 400, title: "The query cannot be read" },
  queue_unfit: { status: 500, title: "The queue's worker has too little time for the job" },
  queue_unknown: { status: 404, title: "The queue is unknown" },
  rate_limited: { status: 429, title: "There are too many requests" },
  receipts_exhausted: { status: 500, title: "The queue allows no more receipts of the message" },
  request_failed: { status: 500, title: "The request failed" },
  result_invalid: { status: 500, title: "The job's result cannot be kept" },
  route_unknown: { status: 404, title: "There is nothing here" },
  schedule_route_unknown: { status: 400, title: "The scheduled message leads to no job type" },
  schedule_unknown: { status: 404, title: "The schedule is unknown" },
  sql_not_allowed: { status: 500, title: "The statement is not allowed here" },
  sql_value_invalid: { status: 500, title: "The value cannot be sent to the database" },
  state_locked: { status: 500, title: "The state folder is in use" },
  state_unwritable: { status: 500, title: "The state folder cannot be written" },
  state_version_unsupported: { status: 500, title: "The state folder is of another version" },
  tier_refused: { status: 500, title: "The tier cannot be planned" },
  token_invalid: { status: 500, title: "The API's tokens cannot be used" },
  transaction_ended: { status: 500, title: "The job's transaction has ended" },
  unauthorized: { status: 401, title: "The request is not authorised" },
  usage: { status: 500, title: "The command line cannot be read" },
  wait_timed_out: { status: 504, title: "The job has not come to its end in time" },
} as const;

/** A stable name of what went wrong; the keys of `errorCatalogue`. */
export type ErrorCode = keyof typeof errorCatalogue;

/** What an error says: facts for the reader, never a payload or a secret. */
export interface ErrorFacts {
  /** The field, file or option that is wrong, e.g. `data.email` or `cron.yaml:3:15`. */
  readonly where?: string;
  /** What was given; its kind or size where the value itself may be private. */
  readonly given: string;
  /** What would have been accepted. */
  readonly allowed: string;
  /** What to do about it: a sentence. */
  readonly fix?: string;
  /** More problems of the same kind, found at the same time; the message has a line for each. */
  readonly others?: readonly Omit<ErrorFacts, "cause" | "others">[];
  /** The error behind this one; never shown to clients. */
  readonly cause?: unknown;
}

/** The one error of Tendril: a code, what was given, what is allowed, what to do. */
export class TendrilError extends Error {
  override readonly name = "TendrilError";
  readonly code: ErrorCode;
  readonly facts: Omit<ErrorFacts, "cause">;

  constructor(code: ErrorCode, { cause, ...facts }: ErrorFacts) {
    super(wordError(code, facts), cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }
}

/** One thing that is wrong, and where. */
export type Problem = Omit<ErrorFacts, "cause" | "others"> & { readonly where: string };

/** Several problems of one kind as one error. */
export function errorOfProblems(code: ErrorCode, problems: readonly Problem[]): TendrilError {
  const [first = { where: "", given: "no problem", allowed: "at least one" }, ...others] = problems;
  return new TendrilError(code, { ...first, others });
}

function wordError(code: ErrorCode, { others = [], ...facts }: ErrorFacts): string {
  const { title } = errorCatalogue[code];
  const place = facts.where === undefined ? "" : ` (${facts.where})`;
  if (others.length === 0) return `${title}${place}: ${wordFacts(facts)}`;
  const lines = [facts, ...others].map((each) => `  ${each.where ?? ""}: ${wordFacts(each)}`);
  return [`${title}: ${lines.length} problems`, ...lines].join("\n");
}

function wordFacts({ given, allowed, fix }: ErrorFacts): string {
  return `given ${given}, allowed ${allowed}.${fix === undefined ? "" : ` ${fix}`}`;
}

/** The text of anything that can be thrown, at most `maximumLength` characters (default 1,000). Never throws itself. */
export function errorText(thrown: unknown, maximumLength = 1000): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `thrown: ${safeString(thrown)}`;
  return text.length <= maximumLength ? text : `${text.slice(0, maximumLength - 1)}…`;
}

function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "a value that has no text";
  }
}

/** The kind of a JSON value in words, for `given`: "a string", "null", "a list" … */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
