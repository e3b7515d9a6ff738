import { AwsError } from "./aws-error.ts";
import { createCodec, type Labels } from "./codec.ts";
import type { WireReply, WireRequest } from "./http.ts";
import { type Model, type Operation, readModel } from "./model.ts";

/** What a handler may know of its caller. */
export interface HandlerContext {
  /** Aborts when the caller has gone or the server closes: a handler that waits must stop waiting. */
  readonly signal: AbortSignal;
}

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
  run(body: Buffer, context: HandlerContext): Promise<WireReply>;
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
}

/** Makes an AWS service out of the schemas of its SDK client package and a handler for each operation. */
export function defineService<Client extends object>(options: ServiceOptions<Client>): Service {
  const model = readModel(options.client);
  const codec = createCodec(options.protocol, model, options.missing ?? memberMustNotBeNull);
  const handlers = new Map<string, unknown>(Object.entries(options.handlers));
  for (const name of handlers.keys()) {
    if (!model.operations.has(name)) throw new Error(`The client has no operation ${name}.`);
  }
  const callOf = (operation: Operation | undefined, request: WireRequest, labels: Labels): Call => ({
    async run(body, context) {
      const handler = operation && handlers.get(operation.name);
      if (!operation || typeof handler !== "function") throw unknownOperation(operation?.name);
      const output: unknown = await handler(codec.read(operation, request, labels, body), context);
      return codec.write(operation, output);
    },
    refuse: codec.refuse,
  });
  return {
    match: (request) => {
      const found = options.protocol === "awsJson1_0" ? byTarget(options, model, request) : byPath(model, request);
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

function byPath(model: Model, request: WireRequest): Route | undefined {
  for (const operation of model.operations.values()) {
    if (operation.http?.method !== request.method) continue;
    const found = operation.http.path.exec(request.path);
    if (found) return { operation, labels: { ...found.groups } };
  }
  return undefined;
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
