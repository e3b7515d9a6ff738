import {
  FromStringShapeDeserializer,
  type JsonSettings,
  JsonShapeDeserializer2,
  JsonShapeSerializer2,
} from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { AwsError } from "./aws-error.ts";
import { checkInput, unreadable } from "./check-input.ts";
import type { WireReply, WireRequest } from "./http.ts";
import type { Model, Operation } from "./model.ts";

/** What stood in the labels of the path, still percent-encoded. */
export type Labels = Readonly<Record<string, string>>;

/** Reads requests and writes answers in one protocol. */
export interface Codec {
  read(operation: Operation, request: WireRequest, labels: Labels, body: Buffer): unknown;
  write(operation: Operation, output: unknown): WireReply;
  refuse(error: AwsError): WireReply;
}

/** The codec of a protocol for one service's model; `missing` makes the error for a missing required member. */
export function createCodec(
  protocol: "awsJson1_0" | "restJson1",
  model: Model,
  missing: (member: string) => AwsError,
): Codec {
  const rest = protocol === "restJson1";
  const settings: JsonSettings = {
    timestampFormat: { useTrait: true, default: 7 },
    httpBindings: rest,
    jsonName: rest,
  };
  const bodies = new JsonShapeDeserializer2(settings);
  const strings = new FromStringShapeDeserializer(settings);
  const contentType = rest ? "application/json" : "application/x-amz-json-1.0";

  const read: Codec["read"] = (operation, request, labels, body) => {
    const input = readable(() => {
      const json: unknown = body.length > 0 ? JSON.parse(body.toString("utf8")) : {};
      if (typeof json !== "object" || json === null || Array.isArray(json)) throw unreadable("Expected a JSON object.");
      const value: Record<string, unknown> = bodies.readObject(operation.input, { ...json });
      return rest ? { ...value, ...readBindings(operation.input, request, labels, strings) } : value;
    });
    checkInput(operation.input, input, missing);
    return input;
  };

  const write: Codec["write"] = (operation, output) => {
    const status = operation.http?.status ?? 200;
    const headers = { "content-type": contentType };
    if (operation.output.isUnitSchema()) return { status, headers, body: rest ? "{}" : "" };
    // A serializer keeps the value it is writing: one for each answer.
    const serializer = new JsonShapeSerializer2(settings);
    serializer.write(operation.output, output ?? {});
    return { status, headers, body: serializer.flush() };
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

/** What restJson1 puts into the path, the query string and the headers. */
function readBindings(
  input: NormalizedSchema,
  request: WireRequest,
  labels: Labels,
  strings: FromStringShapeDeserializer,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, member] of input.structIterator()) {
    const { httpLabel, httpQuery, httpHeader } = member.getMergedTraits();
    const label = httpLabel ? labels[name] : undefined;
    const header = httpHeader ? request.header(httpHeader.toLowerCase()) : undefined;
    if (label !== undefined) found[name] = strings.read(member, decodeURIComponent(label));
    else if (header !== undefined) found[name] = strings.read(member, header);
    else if (httpQuery && request.query.has(httpQuery)) {
      found[name] = member.isListSchema()
        ? request.query.getAll(httpQuery).map((value) => strings.read(member.getValueSchema(), value))
        : strings.read(member, request.query.get(httpQuery) ?? "");
    }
  }
  return found;
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
