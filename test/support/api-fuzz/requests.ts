import { methods, type OpenApiDocument, type Operation, type Parameter } from "@tendril/api/openapi/document-model";
import type { ApiScope } from "@tendril/core/api-plan";
import fc from "fast-check";
import { tokens } from "./running-api.ts";
import { valuesOf } from "./values.ts";

/** One request, before it is written down for the wire. */
export interface FuzzRequest {
  /** The operation that it began as; mutations may have made it another one, or none. */
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
  readonly target: string;
  readonly caller: Caller;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** What was done to it that the document does not describe. */
  readonly mutations: readonly string[];
}

/** Whose token a request has. */
export type Caller = ApiScope | "all" | "none" | "wrong";

/** What there is to ask for. */
export interface Known {
  readonly jobIds: readonly [string, ...string[]];
  readonly scheduleNames: readonly [string, ...string[]];
}

/** Requests that the document describes, for any of its operations. */
export function validRequests(document: OpenApiDocument, known: Known): fc.Arbitrary<FuzzRequest> {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ path, arbitrary: requestsOf(document, known, path, method, operation) }];
    }),
  );
  const [posts, others] = [true, false].map((isPost) =>
    all.filter(({ path }) => path.startsWith("/job/post/") === isPost).map(({ arbitrary }) => arbitrary),
  );
  return fc.oneof(
    { weight: 1, arbitrary: fc.oneof(...(posts ?? [])) },
    { weight: 5, arbitrary: fc.oneof(...(others ?? [])) },
  );
}

function requestsOf(
  document: OpenApiDocument,
  known: Known,
  path: string,
  method: string,
  operation: Operation,
): fc.Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = operation;
  const of = (place: Parameter["in"]) => parameters.filter((each) => each.in === place);
  const schema = requestBody?.content["application/json"]?.schema;
  const body =
    schema === undefined
      ? fc.constant(undefined)
      : valuesOf(schema, document.components.schemas).map((value) => new TextEncoder().encode(JSON.stringify(value)));
  return fc
    .record({
      path: fc.record(
        Object.fromEntries(of("path").map((each) => [each.name, pathValues(each, path, document, known)])),
      ),
      query: fc.record(Object.fromEntries(of("query").map((each) => [each.name, queryValues(each, document)])), {
        requiredKeys: [],
      }),
      key:
        of("header").length === 0
          ? fc.constant(undefined)
          : fc.option(fc.constantFrom("a", "b", "c~!"), { nil: undefined }),
      body,
    })
    .map((given) => {
      const query = Object.entries(given.query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
      const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(given.path[name])));
      return {
        path,
        method: method.toUpperCase(),
        operation,
        target: query.length === 0 ? place : `${place}?${query.join("&")}`,
        caller: "all" as const,
        headers: {
          ...(given.body === undefined ? {} : { "content-type": "application/json" }),
          ...(given.key === undefined ? {} : { "idempotency-key": given.key }),
        },
        body: given.body,
        mutations: [],
      };
    });
}

function pathValues(
  parameter: Parameter,
  path: string,
  document: OpenApiDocument,
  known: Known,
): fc.Arbitrary<unknown> {
  if (parameter.name === "id") return fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...known.jobIds) }, fc.uuid());
  if (path.startsWith("/schedules/")) return fc.constantFrom(...known.scheduleNames);
  return valuesOf(parameter.schema, document.components.schemas);
}

/** Waits are short: nothing ends while this waits. */
function queryValues(parameter: Parameter, document: OpenApiDocument): fc.Arbitrary<unknown> {
  if (parameter.name === "wait") return fc.constantFrom("0s", "5 milliseconds", "0.02 seconds", "1 millisecond");
  if (parameter.name === "cursor") return fc.constantFrom("eyJ9", "a", "0");
  return valuesOf(parameter.schema, document.components.schemas);
}

/** A request as it goes over the wire. */
export function wireHeaders({ caller, headers }: FuzzRequest): Record<string, string> {
  const authorization =
    caller === "none" ? undefined : `Bearer ${caller === "wrong" ? "a-token-that-is-none" : tokens[caller]}`;
  return { ...(authorization === undefined ? {} : { authorization }), ...headers };
}
