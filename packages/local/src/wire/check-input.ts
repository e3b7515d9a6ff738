import type { NormalizedSchema } from "@smithy/core/schema";
import { AwsError } from "./aws-error.ts";
import { requiredMembers } from "./model.ts";

/** What AWS answers for a request that it cannot read. */
export function unreadable(message: string): AwsError {
  return new AwsError("SerializationException", message, { status: 400 });
}

/**
 * Holds a deserialized input against its schema: every value must have its schema's type (else SerializationException),
 * and every required member must be there, at any depth (else what `missing` makes of its path, e.g.
 * `Entries.1.member.Id`).
 */
export function checkInput(schema: NormalizedSchema, value: unknown, missing: (member: string) => AwsError): void {
  check(schema, value, "", missing);
}

function check(schema: NormalizedSchema, value: unknown, path: string, missing: (member: string) => AwsError): void {
  if (schema.isStructSchema()) {
    const found = record(value, "a structure", path);
    const required = requiredMembers(schema);
    for (const [name, member] of schema.structIterator()) {
      const memberPath = path === "" ? name : `${path}.${name}`;
      const memberValue = found[name];
      if (memberValue !== undefined && memberValue !== null) check(member, memberValue, memberPath, missing);
      else if (required.has(name)) throw missing(memberPath);
    }
  } else if (schema.isListSchema()) {
    if (!Array.isArray(value)) throw wrongType("a list", path);
    value.forEach((item: unknown, index) => {
      checkItem(schema, item, `${path}.${index + 1}.member`, missing);
    });
  } else if (schema.isMapSchema()) {
    for (const [key, item] of Object.entries(record(value, "a map", path))) {
      checkItem(schema, item, `${path}.${key}.member`, missing);
    }
  } else {
    checkSimple(schema, value, path);
  }
}

function checkItem(list: NormalizedSchema, item: unknown, path: string, missing: (member: string) => AwsError): void {
  if (item !== null && item !== undefined) check(list.getValueSchema(), item, path, missing);
  else if (!list.getMergedTraits().sparse) throw wrongType("a value", path);
}

function checkSimple(schema: NormalizedSchema, value: unknown, path: string): void {
  if (schema.isBlobSchema()) {
    if (!(value instanceof Uint8Array)) throw wrongType("a blob in base64", path);
  } else if (schema.isTimestampSchema()) {
    if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw wrongType("a timestamp", path);
  } else if (schema.isStringSchema()) {
    if (typeof value !== "string" && !(value instanceof String)) throw wrongType("a string", path);
  } else if (schema.isBooleanSchema()) {
    if (typeof value !== "boolean") throw wrongType("a boolean", path);
  } else if (schema.isNumericSchema() && (typeof value !== "number" || Number.isNaN(value))) {
    throw wrongType("a number", path);
  }
}

function record(value: unknown, kind: string, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(kind, path);
  return value as Record<string, unknown>;
}

function wrongType(kind: string, path: string): AwsError {
  return unreadable(`Expected ${kind}${path === "" ? " as the request" : ` at '${path}'`}.`);
}
