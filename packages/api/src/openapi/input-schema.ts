import type { JobSpec } from "@tendril/core/job";
import type { Schema } from "./document-model.ts";

/** A job type's input, for a document. */
export interface InputSchema {
  readonly schema: Schema;
  /** Schemas that `schema` refers to, by the names that they need in the document's components. */
  readonly others: Readonly<Record<string, Schema>>;
  /** Whether a request may leave the input out. */
  readonly optional: boolean;
}

/**
 * The JSON Schema of what may be sent as a job type's input, by the Standard JSON Schema extension of its schema
 * (https://standardschema.dev/json-schema). A schema without it, or one whose converter throws, becomes one that takes
 * anything and says so. `name` is what it will be called in the components; what it refers to is named after it.
 */
export function inputSchema(spec: JobSpec, name: string): InputSchema {
  const optional = mayBeAbsent(spec);
  const converted = convert(spec);
  if (converted.kind === "none") return { schema: { description: converted.why }, others: {}, optional };
  const { $schema: _, $defs, ...schema } = converted.schema;
  const names = nameDefinitions(isObject($defs) ? $defs : {}, name);
  const place = (pointer: string): string => {
    const [first, key, ...rest] = pointer.split("/").slice(1).map(unescapePointer);
    const to = first === "$defs" && key !== undefined ? names.get(key) : undefined;
    const path = to === undefined ? [name, ...pointer.split("/").slice(1)] : [to, ...rest.map(escapePointer)];
    return ["#/components/schemas", ...path].join("/");
  };
  const others = [...names].map(([key, to]) => [to, moveRefs(isObject($defs) ? $defs[key] : {}, place)]);
  const { description, ...moved } = asSchema(moveRefs(schema, place));
  const said = [description, converted.note].filter((each) => each !== undefined).join(" ");
  return {
    schema: { ...(said === "" ? {} : { description: said }), ...moved },
    others: Object.fromEntries(others),
    optional,
  };
}

type Converted =
  | { readonly kind: "schema"; readonly schema: Readonly<Record<string, unknown>>; readonly note?: string }
  | { readonly kind: "none"; readonly why: string };

const target = "draft-2020-12";

function convert(spec: JobSpec): Converted {
  const extension: unknown = Reflect.get(spec.input["~standard"], "jsonSchema");
  const input: unknown = isObject(extension) ? extension.input : undefined;
  if (typeof input !== "function") {
    return {
      kind: "none",
      why: `The schema of ${spec.type} (${spec.input["~standard"].vendor}) does not tell its JSON Schema: any value may be sent, and is checked when it arrives.`,
    };
  }
  // The second time, zod leaves open what JSON Schema cannot say (dates, maps), and says the rest.
  for (const options of [{ target }, { target, libraryOptions: { unrepresentable: "any" } }]) {
    const schema = attempt(() => input.call(extension, options));
    if (!isObject(schema)) continue;
    return {
      kind: "schema",
      schema,
      ...("libraryOptions" in options
        ? { note: "Parts that JSON Schema cannot describe are left open; they are checked when the job arrives." }
        : {}),
    };
  }
  return {
    kind: "none",
    why: `JSON Schema cannot describe the input of ${spec.type}: any value may be sent, and is checked when it arrives.`,
  };
}

/** A copy as it looks in JSON; undefined when the converter throws or JSON cannot carry what it made. */
function attempt(make: () => unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(make()));
  } catch {
    return undefined;
  }
}

/** Whether the schema takes `undefined`. A check that is asynchronous or fails tells nothing: then the document does not insist. */
function mayBeAbsent(spec: JobSpec): boolean {
  try {
    const result = spec.input["~standard"].validate(undefined);
    if (result instanceof Promise) {
      result.catch(() => {});
      return true;
    }
    return result.issues === undefined;
  } catch {
    return true;
  }
}

/** Names for definitions in the components, where only letters, digits, `.`, `_` and `-` may be used. */
function nameDefinitions(definitions: Readonly<Record<string, unknown>>, name: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const key of Object.keys(definitions)) {
    const wanted = `${name}.${key.replace(/[^A-Za-z0-9_-]/g, "_").replace(/^_+(?=.)/, "") || "part"}`;
    let free = wanted;
    for (let number = 2; taken.has(free); number += 1) free = `${wanted}${number}`;
    taken.add(free);
    names.set(key, free);
  }
  return names;
}

/** Keywords whose values are data: what looks like a reference in them is none. */
const dataKeywords = new Set(["const", "enum", "default", "examples", "example"]);

/** Keywords whose members are schemas, and may be called anything, `enum` and `$ref` too. */
const mapKeywords = new Set(["properties", "patternProperties", "dependentSchemas", "$defs"]);

/** The same schema, whose references lead to where its parts stand in the document. */
function moveRefs(value: unknown, place: (pointer: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => moveRefs(each, place));
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([key, member]) => {
    if (dataKeywords.has(key)) return [key, member];
    if (key === "$ref" && typeof member === "string" && /^#(?:\/|$)/.test(member)) return [key, place(member.slice(1))];
    if (mapKeywords.has(key) && isObject(member)) return [key, moveEach(member, place)];
    return [key, moveRefs(member, place)];
  });
  return Object.fromEntries(members);
}

function moveEach(schemas: Readonly<Record<string, unknown>>, place: (pointer: string) => string): unknown {
  return Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, moveRefs(schema, place)]));
}

const escapePointer = (part: string): string => part.replaceAll("~", "~0").replaceAll("/", "~1");
const unescapePointer = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a converter made is a schema by its word. */
const asSchema = (value: unknown): Schema => (isObject(value) ? value : {});
