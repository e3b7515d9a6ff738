import { AwsError } from "./aws-error.ts";
import { createCodec, type Labels } from "./codec.ts";
import type { WireReply, WireRequest } from "./http.ts";
import { type Model, type Operation, readModel } from "./model.ts";

/** What a handler may know of its caller. */
export interface HandlerContext {
  /** Aborts when the caller has gone or the server closes: a handler that waits must stop waiting. */
  readonly signal: AbortSignal;
  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined;
  /** The access key with which the request was signed; undefined when it was not signed. The signature is not checked. */
  accessKeyId(): string | undefined;
}

/** A call that was read and is about to be run. */
export interface ReadCall {
  /** The service as AWS's models name it: "sqs", "rdsdata", "scheduler". */
  readonly service: string;
  readonly operation: string;
  /** The operation's input as the SDK has it. */
  readonly input: unknown;
  readonly context: HandlerContext;
}

/**
 * Stands between the wire and the handlers: runs the call with this input or another, or does not, and answers with its
 * output or another. Throws `AwsError` to answer with an error, `ConnectionCut` to answer nothing.
 */
export type Interceptor = (call: ReadCall, run: (input: unknown) => Promise<unknown>) => Promise<unknown>;

/** Thrown while a call is handled: its connection is cut, and the caller gets no answer. */
export class ConnectionCut extends Error {}

/**
 * A handler's input: the SDK's own input type, in which the required members are sure to be there, because the wire has
 * checked them. (Unions, the types with `$unknown`, stay as they are: they have no required members.)
 */
export type Checked<T> = T extends Uint8Array | Date
  ? T
  : T extends readonly (infer Item)[]
    ? Checked<Item>[]
    : T extends object
      ? IsUnionMember<T> extends true
        ? T
        : { [Key in keyof T]: object extends Pick<T, Key> ? Checked<T[Key]> : Checked<Exclude<T[Key], undefined>> }
      : T;

type IsUnionMember<T> = string extends keyof T ? false : "$unknown" extends keyof T ? true : false;

/** Answers one operation. Throws `AwsError` to answer with an error. */
export type Handler<Input, Output> = (input: Checked<Input>, context: HandlerContext) => Output | Promise<Output>;

/**
 * The handlers of a service: for each operation `X` that the SDK client package has as `XCommand`, a function from that
 * command's input to its output without `$metadata`.
 */
export type Handlers<Client> = {
  readonly [Key in keyof Client as Key extends `${infer Name}Command` ? Name : never]?: HandlerOf<Client[Key]>;
};

type HandlerOf<Command> = Command extends new (
  ...args: never[]
) => {
  readonly input: infer Input;
  resolveMiddleware(...args: never[]): (...args: never[]) => Promise<{ output: infer Output }>;
}
  ? Handler<Input, Omit<Output, "$metadata">>
  : never;

/** One handler of a service, for handlers in files of their own: `HandlerFor<typeof sqs, "SendMessage">`. */
export type HandlerFor<Client, Name extends keyof Handlers<Client>> = NonNullable<Handlers<Client>[Name]>;

/** A request that a service has recognised as its own. */
export interface Call {
  /** Reads the body, runs the handler, writes the answer; rejects with whatever went wrong. */
  run(body: Buffer, context: HandlerContext, intercept?: Interceptor): Promise<WireReply>;
  /** The longest body of such a request, in bytes. Default: the server's. */
  readonly maxBodyBytes?: number;
  /** Writes an error as this service's protocol has it. */
  refuse(error: AwsError): WireReply;
}

/** An AWS service to be served by `listen`. */
export interface Service {
  /** The call that this request is, or undefined when it is not for this service. */
  match(request: WireRequest): Call | undefined;
}

export interface ServiceOptions<Client extends object> {
  /** The whole SDK client package: `import * as sqs from "@aws-sdk/client-sqs"`. Its schemas drive the service. */
  client: Client;
  protocol: "awsJson1_0" | "restJson1";
  /** What stands before the dot in `x-amz-target`; awsJson1_0 only. */
  target?: string;
  /** Operations without a handler are answered with `UnknownOperationException`. */
  handlers: NoInfer<Handlers<Client>>;
  /** The error for a missing required member, given its path; default: AWS's `ValidationException`. */
  missing?: (member: string) => AwsError;
  /** Members whose integers keep all of their digits: beyond 2^53 they come and go as bigint. Default: none. */
  longMembers?: readonly string[];
}

/** Makes an AWS service out of the schemas of its SDK client package and a handler for each operation. */
export function defineService<Client extends object>(options: ServiceOptions<Client>): Service {
  const model = readModel(options.client);
  const codec = createCodec({
    protocol: options.protocol,
    model,
    missing: options.missing ?? memberMustNotBeNull,
    longMembers: new Set(options.longMembers),
  });
  const handlers = new Map<string, unknown>(Object.entries(options.handlers));
  for (const name of handlers.keys()) {
    if (!model.operations.has(name)) throw new Error(`The client has no operation ${name}.`);
  }
  const byPath = pathRoutes(model);
  const callOf = (operation: Operation | undefined, request: WireRequest, labels: Labels): Call => ({
    async run(body, context, intercept) {
      const handler = operation && handlers.get(operation.name);
      if (!operation || typeof handler !== "function") throw unknownOperation(operation?.name);
      const input = codec.read(operation, request, labels, body);
      const { name, service } = operation;
      const output: unknown = intercept
        ? await intercept({ service, operation: name, input, context }, async (given) => handler(given, context))
        : await handler(input, context);
      return codec.write(operation, output);
    },
    refuse: codec.refuse,
  });
  return {
    match: (request) => {
      const found = options.protocol === "awsJson1_0" ? byTarget(options, model, request) : byPath(request);
      return found && callOf(found.operation, request, found.labels);
    },
  };
}

type Route = { operation: Operation | undefined; labels: Labels };

function byTarget(options: { target?: string }, model: Model, request: WireRequest): Route | undefined {
  const target = request.header("x-amz-target") ?? "";
  const dot = target.lastIndexOf(".");
  if (dot < 0 || target.slice(0, dot) !== options.target) return undefined;
  return { operation: model.operations.get(target.slice(dot + 1)), labels: {} };
}

/** Finds operations by method and path; the paths without labels, which are few, are remembered. */
function pathRoutes(model: Model): (request: WireRequest) => Route | undefined {
  const remembered = new Map<string, Route>();
  return ({ method, path }) => {
    const call = `${method} ${path}`;
    const known = remembered.get(call);
    if (known) return known;
    for (const operation of model.operations.values()) {
      if (operation.http?.method !== method) continue;
      const found = operation.http.path.exec(path);
      if (!found) continue;
      const route = { operation, labels: { ...found.groups } };
      if (found.groups === undefined) remembered.set(call, route);
      return route;
    }
    return undefined;
  };
}

function memberMustNotBeNull(member: string): AwsError {
  const path = member.replace(/(^|\.)[A-Z]/g, (start) => start.toLowerCase());
  const message = `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`;
  return new AwsError("ValidationException", message, { status: 400 });
}

function unknownOperation(name: string | undefined): AwsError {
  const message = name ? `The operation ${name} is not supported.` : "The requested operation is not known.";
  return new AwsError("UnknownOperationException", message, { status: 400 });
}
