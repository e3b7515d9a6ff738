import { AwsError } from "../wire/aws-error.ts";

/** The error that AWS answers for input it does not take. */
export function invalid(message: string): AwsError {
  return new AwsError("ValidationException", message, { status: 400 });
}

/** Collects what is wrong with an input, to answer all of it at once in AWS's words. */
export interface Constraints {
  /** Holds a text against a length in characters and a pattern; an absent text is fine. */
  text(path: string, value: string | undefined, rule: TextRule): void;
  /** Holds a whole number against a range; an absent one is fine. */
  number(path: string, value: number | undefined, min: number, max: number): void;
  /** Holds a value against a list; an absent one is fine. */
  oneOf(path: string, value: string | undefined, allowed: readonly string[]): void;
  /** Throws `ValidationException` when anything was wrong. */
  check(): void;
}

/** Lengths in characters. */
export interface TextRule {
  readonly min?: number;
  readonly max?: number;
  /** The source of a regular expression, as AWS shows it. */
  readonly pattern?: string;
}

const name = { min: 1, max: 64, pattern: "^[0-9a-zA-Z-_.]+$" };

/** Lengths and patterns of https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html */
export const rules = {
  name,
  clientToken: { min: 1, max: 64, pattern: "^[a-zA-Z0-9-_]+$" },
  expression: { min: 1, max: 256 },
  timezone: { min: 1, max: 50 },
  description: { max: 512 },
  targetArn: { min: 1, max: 1600 },
  input: { min: 1 },
  roleArn: { min: 1, max: 1600, pattern: String.raw`^arn:aws[a-z-]*:iam::\d{12}:role\/[a-zA-Z_0-9+=,.@\-_/]+$` },
  deadLetterArn: {
    min: 1,
    max: 1600,
    pattern: String.raw`^arn:aws[a-z-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$`,
  },
  kmsKeyArn: {
    min: 1,
    max: 2048,
    pattern: String.raw`^arn:aws(-[a-z]+)?:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*$`,
  },
  messageGroupId: { min: 1, max: 128 },
  tagKey: { min: 1, max: 128 },
  tagValue: { min: 1, max: 256 },
} satisfies Record<string, TextRule>;

/** Nothing wrong so far. */
export function constraints(): Constraints {
  const violations: string[] = [];
  const violate = (path: string, value: string | number, constraint: string) =>
    violations.push(`Value '${value}' at '${path}' failed to satisfy constraint: Member must ${constraint}`);
  return {
    text(path, value, { min, max, pattern }) {
      if (value === undefined) return;
      if (min !== undefined && value.length < min) violate(path, value, `have length greater than or equal to ${min}`);
      if (max !== undefined && value.length > max) violate(path, value, `have length less than or equal to ${max}`);
      if (pattern && !new RegExp(pattern).test(value)) {
        violate(path, value, `satisfy regular expression pattern: ${pattern}`);
      }
    },
    number(path, value, min, max) {
      if (value === undefined) return;
      if (value < min) violate(path, value, `have value greater than or equal to ${min}`);
      if (value > max) violate(path, value, `have value less than or equal to ${max}`);
    },
    oneOf(path, value, allowed) {
      if (value === undefined || allowed.includes(value)) return;
      violate(path, value, `satisfy enum value set: [${allowed.join(", ")}]`);
    },
    check() {
      if (violations.length === 0) return;
      const errors = violations.length === 1 ? "error" : "errors";
      throw invalid(`${violations.length} validation ${errors} detected: ${violations.join("; ")}`);
    },
  };
}
