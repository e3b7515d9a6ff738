import { FromStringShapeDeserializer, type JsonSettings } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { AwsError } from "./aws-error.ts";
import type { WireReply, WireRequest } from "./http.ts";
import { checkRead, createJsonShapes, unreadable } from "./json-shape.ts";
import type { Model, Operation } from "./model.ts";

/** What stood in the labels of the path, still percent-encoded. */
export type Labels = Readonly<Record<string, string>>;

/** Reads requests and writes answers in one protocol. */
export interface Codec {
  read(operation: Operation, request: WireRequest, labels: Labels, body: Buffer): unknown;
  write(operation: Operation, output: unknown): WireReply;
  refuse(error: AwsError): WireReply;
}

export interface CodecOptions {
  readonly protocol: "awsJson1_0" | "restJson1";
  readonly model: Model;
  /** The error for a missing required member, given its path. */
  readonly missing: (member: string) => AwsError;
  /** Members whose integers keep all of their digits: beyond 2^53 they are read as bigint. */
  readonly longMembers: ReadonlySet<string>;
}

/** The codec of a protocol for one service's model. */
export function createCodec({ protocol, model, missing, longMembers }: CodecOptions): Codec {
  const rest = protocol === "restJson1";
  const settings: JsonSettings = {
    timestampFormat: { useTrait: true, default: 7 },
    httpBindings: rest,
    jsonName: rest,
  };
  const shapeOf = createJsonShapes({ settings, missing });
  const strings = new FromStringShapeDeserializer(settings);
  const contentType = rest ? "application/json" : "application/x-amz-json-1.0";

  const read: Codec["read"] = (operation, request, labels, body) =>
    readable(() => {
      const given = rest ? readBindings(bindingsOf(operation.input), request, labels, strings) : undefined;
      const json = body.length > 0 ? parse(body.toString("utf8"), longMembers) : {};
      if (typeof json !== "object" || json === null || Array.isArray(json)) throw unreadable("Expected a JSON object.");
      return shapeOf(operation.input).read(json, "", given);
    });

  const write: Codec["write"] = (operation, output) => {
    const status = operation.http?.status ?? 200;
    const headers = { "content-type": contentType };
    if (operation.output.isUnitSchema()) return { status, headers, body: rest ? "{}" : "" };
    return { status, headers, body: JSON.stringify(shapeOf(operation.output).write(output)) };
  };

  const refuse: Codec["refuse"] = (error) => {
    const modelled = model.errors.get(error.name);
    const status = error.status ?? modelled?.status ?? 400;
    const queryError = error.queryError ?? modelled?.queryError ?? (modelled && !rest ? error.name : undefined);
    const fault = status < 500 ? "Sender" : "Receiver";
    const text = { [modelled?.messageMember ?? "message"]: error.message };
    return {
      status,
      headers: {
        "content-type": contentType,
        ...(rest ? { "x-amzn-errortype": error.name } : {}),
        ...(queryError === undefined ? {} : { "x-amzn-query-error": `${queryError};${fault}` }),
      },
      body: JSON.stringify(rest ? text : { __type: modelled?.id ?? `com.amazon.coral.service#${error.name}`, ...text }),
    };
  };
  return { read, write, refuse };
}

/** A member that stands outside of the body. */
type Binding = readonly [
  name: string,
  member: NormalizedSchema,
  traits: ReturnType<NormalizedSchema["getMergedTraits"]>,
];

const knownBindings = new WeakMap<NormalizedSchema, readonly Binding[]>();

function bindingsOf(input: NormalizedSchema): readonly Binding[] {
  const known = knownBindings.get(input);
  if (known) return known;
  const found = Array.from(
    input.structIterator(),
    ([name, member]): Binding => [name, member, member.getMergedTraits()],
  ).filter(([, , { httpLabel, httpQuery, httpHeader }]) => httpLabel || httpQuery || httpHeader);
  knownBindings.set(input, found);
  return found;
}

/** What restJson1 puts into the path, the query string and the headers. */
function readBindings(
  bindings: readonly Binding[],
  request: WireRequest,
  labels: Labels,
  strings: FromStringShapeDeserializer,
): Record<string, unknown> | undefined {
  if (bindings.length === 0) return undefined;
  const found: Record<string, unknown> = {};
  for (const [name, member, { httpLabel, httpQuery, httpHeader }] of bindings) {
    const label = httpLabel ? labels[name] : undefined;
    const header = httpHeader ? request.header(httpHeader.toLowerCase()) : undefined;
    if (label !== undefined) found[name] = strings.read(member, decodeURIComponent(label));
    else if (header !== undefined) found[name] = strings.read(member, header);
    else if (httpQuery && request.query.has(httpQuery)) {
      found[name] = member.isListSchema()
        ? request.query.getAll(httpQuery).map((value) => strings.read(member.getValueSchema(), value))
        : strings.read(member, request.query.get(httpQuery) ?? "");
    }
    if (found[name] !== undefined) checkRead(member, found[name], name);
  }
  return found;
}

/** JSON in which the integers of some members keep their digits; without a long number in it, it costs nothing more. */
function parse(text: string, longMembers: ReadonlySet<string>): unknown {
  if (longMembers.size === 0 || !/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value: unknown, context?: { readonly source?: string }) => {
    const digits = context?.source ?? "";
    const isLong = longMembers.has(key) && typeof value === "number" && !Number.isSafeInteger(value);
    return isLong && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}

/** Whatever goes wrong while reading a request is the sender's fault. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AwsError) throw error;
    throw unreadable(error instanceof Error ? error.message : "The request cannot be read.");
  }
}
