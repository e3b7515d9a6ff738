import { NormalizedSchema } from "@smithy/core/schema";

type SchemaRef = Parameters<typeof NormalizedSchema.of>[0];

/** An operation as the SDK client's schemas describe it. */
export interface Operation {
  readonly name: string;
  /** The service as its model names it, e.g. "sqs". */
  readonly service: string;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
  /** Where restJson1 finds it; undefined for operations without an HTTP binding. */
  readonly http: { readonly method: string; readonly path: RegExp; readonly status: number } | undefined;
}

/** An error as the SDK client's schemas describe it. */
export interface ModelledError {
  /** e.g. `com.amazonaws.sqs#QueueDoesNotExist` */
  readonly id: string;
  readonly status: number;
  readonly queryError: string | undefined;
  /** How the service spells the member that holds the text: `message` or `Message`. */
  readonly messageMember: string;
}

/** A service's operations and errors, by name. */
export interface Model {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, ModelledError>;
}

/** The numbers by which Smithy's static schemas tell what they describe. */
const kinds = { operation: 9, error: -3 } as const;

/** Reads the schemas that an AWS SDK client package exports (`SendMessage$`, `QueueDoesNotExist$`, …). */
export function readModel(client: object): Model {
  const operations = new Map<string, Operation>();
  const errors = new Map<string, ModelledError>();
  for (const [key, schema] of Object.entries(client)) {
    if (!key.endsWith("$") || !Array.isArray(schema)) continue;
    const [kind, namespace, name, traits, ...rest]: readonly unknown[] = schema;
    if (typeof namespace !== "string" || typeof name !== "string") continue;
    if (kind === kinds.operation) operations.set(name, readOperation(namespace, name, traits, rest));
    if (kind === kinds.error) errors.set(name, readError(`${namespace}#${name}`, traits, rest[0]));
  }
  return { operations, errors };
}

/** The names of the members that a structure must have. */
export function requiredMembers(structure: NormalizedSchema): ReadonlySet<string> {
  const known = required.get(structure.getSchema());
  if (known) return known;
  const schema: unknown = structure.getSchema();
  const names: unknown = Array.isArray(schema) ? schema[4] : undefined;
  const count: unknown = Array.isArray(schema) ? schema[6] : undefined;
  const found = new Set(Array.isArray(names) && typeof count === "number" ? names.slice(0, count).map(String) : []);
  required.set(structure.getSchema(), found);
  return found;
}

const required = new Map<unknown, ReadonlySet<string>>();

function readOperation(
  namespace: string,
  name: string,
  traits: unknown,
  [input, output]: readonly unknown[],
): Operation {
  const http = field(traits, "http");
  const [method, path, status]: readonly unknown[] = Array.isArray(http) ? http : [];
  return {
    name,
    service: namespace.slice(namespace.lastIndexOf(".") + 1),
    // Schemas are exported as plain arrays and functions: this is where they come in.
    input: NormalizedSchema.of(input as SchemaRef),
    output: NormalizedSchema.of(output as SchemaRef),
    http:
      typeof method === "string" && typeof path === "string"
        ? { method, path: pathPattern(path), status: typeof status === "number" ? status : 200 }
        : undefined,
  };
}

/** `/schedules/{Name}` becomes a pattern with a named group for each label; `{Name+}` may hold slashes. */
function pathPattern(path: string): RegExp {
  const [bare = ""] = path.split("?");
  const pattern = bare.replace(/\{(\w+)(\+?)\}/g, (_, label, greedy) => `(?<${label}>${greedy ? ".+" : "[^/]+"})`);
  return new RegExp(`^${pattern}/?$`);
}

function readError(id: string, traits: unknown, members: unknown): ModelledError {
  const query = field(traits, "awsQueryError");
  const [queryError, queryStatus]: readonly unknown[] = Array.isArray(query) ? query : [];
  const status = field(traits, "httpError") ?? queryStatus;
  const named = Array.isArray(members)
    ? members.find((member) => String(member).toLowerCase() === "message")
    : undefined;
  return {
    id,
    status: typeof status === "number" ? status : 400,
    queryError: typeof queryError === "string" ? queryError : undefined,
    messageMember: typeof named === "string" ? named : "message",
  };
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
