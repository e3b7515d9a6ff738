import * as rdsData from "@aws-sdk/client-rds-data";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sqs from "@aws-sdk/client-sqs";
import type { NormalizedSchema } from "@smithy/core/schema";
import { readModel, requiredMembers } from "@tendril/local/wire/model";
import type { Random } from "../random.ts";

/** An operation of one of the three services, as a request is made for it. */
export interface FuzzedOperation {
  readonly name: string;
  readonly input: NormalizedSchema;
  /** What AWS JSON 1.0 names it by. */
  readonly target?: string;
  /** Where restJson1 has it: the path still with its `{Labels}`. */
  readonly method: string;
  readonly path: string;
}

/** Every operation of SQS, the RDS Data API and Scheduler, read from the SDK's own schemas. */
export const operations: readonly FuzzedOperation[] = [
  ...operationsOf(sqs, "AmazonSQS"),
  ...operationsOf(rdsData),
  ...operationsOf(scheduler),
];

function operationsOf(client: object, target?: string): FuzzedOperation[] {
  return [...readModel(client).operations.values()].map(({ name, input }) => {
    const schema: unknown = Reflect.get(client, `${name}$`);
    const traits: unknown = Array.isArray(schema) ? schema[3] : undefined;
    const http: unknown = typeof traits === "object" && traits !== null ? Reflect.get(traits, "http") : undefined;
    const [method, path]: readonly unknown[] = Array.isArray(http) ? http : ["POST", "/"];
    return {
      name,
      input,
      method: String(method),
      path: String(path).split("?")[0] ?? "/",
      ...(target === undefined ? {} : { target: `${target}.${name}` }),
    };
  });
}

/**
 * What is known to be right, by the member that asks for it: its name, or the operation's name, a dot and its name. A
 * function makes it anew for each request.
 */
export type Known = Readonly<Record<string, unknown>>;

/** An input of an operation that fits its schema: what is known where it is known, else something of the right type. */
export function validInput({ name, input }: FuzzedOperation, known: Known, random: Random): unknown {
  return fitting(input, { known, random, operation: name });
}

interface Making {
  readonly known: Known;
  readonly random: Random;
  readonly operation: string;
}

function fitting(schema: NormalizedSchema, making: Making): unknown {
  const { known, random, operation } = making;
  if (schema.isStructSchema()) {
    const required = requiredMembers(schema);
    const value: Record<string, unknown> = {};
    for (const [member, memberSchema] of schema.structIterator()) {
      const key = [`${operation}.${member}`, member].find((each) => each in known);
      if (!required.has(member) && random.chance(key === undefined ? 0.7 : 0.3)) continue;
      const given = key === undefined ? fitting(memberSchema, making) : known[key];
      value[member] = typeof given === "function" ? given() : given;
    }
    return value;
  }
  if (schema.isListSchema()) {
    return Array.from({ length: random.between(1, 2) }, () => fitting(schema.getValueSchema(), making));
  }
  if (schema.isMapSchema()) return { key: fitting(schema.getValueSchema(), making) };
  if (schema.isBlobSchema()) return "AAEC";
  if (schema.isTimestampSchema()) return 4_000_000_000;
  if (schema.isBooleanSchema()) return random.chance(0.5);
  if (schema.isNumericSchema()) return random.between(0, 5);
  return "word";
}

/** A request with the input in its place: labels, query and headers where the protocol has them, else the body. */
export function requestOf(
  operation: FuzzedOperation,
  input: unknown,
): { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body: string } {
  if (operation.target !== undefined) {
    const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": operation.target };
    return { method: "POST", path: "/", headers, body: jsonOf(input) };
  }
  const headers: Record<string, string> = { "content-type": "application/json" };
  const rest: Record<string, unknown> = typeof input === "object" && input !== null ? { ...input } : {};
  const query = new URLSearchParams();
  let { path } = operation;
  for (const [member, schema] of operation.input.structIterator()) {
    const { httpLabel, httpQuery } = schema.getMergedTraits();
    const value = rest[member];
    if (httpLabel) path = path.replace(new RegExp(`\\{${member}\\+?\\}`), encodeURIComponent(textOf(value ?? "")));
    if (httpQuery && value !== undefined) query.append(httpQuery, textOf(value));
    if (httpLabel || httpQuery) delete rest[member];
  }
  const body = typeof input === "object" && input !== null && !Array.isArray(input) ? jsonOf(rest) : jsonOf(input);
  const withBody = operation.method !== "GET" && operation.method !== "DELETE";
  return {
    method: operation.method,
    path: query.size > 0 ? `${path}?${query}` : path,
    headers,
    body: withBody ? body : "",
  };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value.toWellFormed() : jsonOf(value));

/** JSON of anything, also of what is nested too deeply for `JSON.stringify`. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "null";
  }
}
