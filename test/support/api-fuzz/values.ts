import { refName, type Schema } from "@tendril/api/openapi/document-model";
import fc from "fast-check";

/** Schemas by the names that others refer to them with. */
export type Components = Readonly<Record<string, Schema>>;

/** A name that no JSON object must have as a member of its own: what it says is another object's. */
const isPlainName = (name: string): boolean => name !== "__proto__";

/** Below this depth a value ends as soon as it may. */
const deepest = 3;

/**
 * Values that a schema describes. What it cannot follow (`not`, a pattern together with a length) it leaves out: who needs
 * certainty validates what comes.
 */
export function valuesOf(schema: Schema, components: Components, depth = 0): fc.Arbitrary<unknown> {
  const name = refName(schema);
  if (name !== undefined) return valuesOf(components[name] ?? {}, components, depth + 1);
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined && schema.enum.length > 0) return fc.constantFrom(...schema.enum);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return oneOf(choices, components, depth);
  const { type } = schema;
  if (Array.isArray(type))
    return fc.oneof(...type.map((each) => valuesOf({ ...schema, type: each }, components, depth)));
  switch (type) {
    case "object":
      return objectsOf(schema, components, depth);
    case "array":
      return listsOf(schema, components, depth);
    case "string":
      return textsOf(schema);
    case "integer":
      return fc.integer(boundsOf(schema));
    case "number":
      return fc.double({ ...boundsOf(schema), noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return schema.properties === undefined ? jsonValues : objectsOf(schema, components, depth);
  }
}

/** Any JSON value, its texts any text. */
export const jsonValues: fc.Arbitrary<unknown> = fc
  .jsonValue({ stringUnit: "binary", maxDepth: 3 })
  .map((value): unknown => JSON.parse(JSON.stringify(value)));

function oneOf(choices: readonly Schema[], components: Components, depth: number): fc.Arbitrary<unknown> {
  const shallow = choices.filter((each) => each.$ref === undefined && each.type !== "array" && each.type !== "object");
  const open = depth < deepest || shallow.length === 0 ? choices : shallow;
  return fc.oneof(...open.map((each) => fc.constant(each).chain((schema) => valuesOf(schema, components, depth + 1))));
}

function objectsOf(schema: Schema, components: Components, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const members = Object.entries(properties).filter(([name]) => depth < deepest || required.includes(name));
  // Lazily: a schema may be within itself.
  const arbitraries = members.map(
    ([name, member]) => [name, fc.constant(member).chain((each) => valuesOf(each, components, depth + 1))] as const,
  );
  const own = fc.record(Object.fromEntries(arbitraries), {
    requiredKeys: [...required].filter((name) => name in properties),
  });
  if (additionalProperties === false || depth >= deepest) return own;
  const extra =
    typeof additionalProperties === "object" ? valuesOf(additionalProperties, components, depth + 1) : jsonValues;
  const names = fc.string({ maxLength: 8 }).filter((name) => isPlainName(name) && !(name in properties));
  return fc
    .tuple(own, fc.dictionary(names, extra, { maxKeys: additionalProperties === undefined ? 1 : 4 }))
    .map(([members, others]) => ({ ...others, ...members }));
}

function listsOf(schema: Schema, components: Components, depth: number): fc.Arbitrary<unknown> {
  const { minItems = 0, maxItems = 1000, prefixItems = [], items } = schema;
  const first = fc.tuple(...prefixItems.map((each) => valuesOf(each, components, depth + 1)));
  const rest =
    typeof items === "object" ? fc.constant(items).chain((each) => valuesOf(each, components, depth + 1)) : jsonValues;
  const least = Math.max(0, minItems - prefixItems.length);
  const most = items === false ? 0 : Math.min(maxItems - prefixItems.length, least + (depth < deepest ? 4 : 0));
  return fc
    .tuple(first, fc.array(rest, { minLength: least, maxLength: most }))
    .map(([head, tail]) => [...head, ...tail]);
}

const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "date-time": fc
    .date({ min: new Date("2000-01-01T00:00:00Z"), max: new Date("2100-01-01T00:00:00Z"), noInvalidDate: true })
    .map((time) => time.toISOString()),
  email: fc.constantFrom("ada@example.com", "a.b+c@sub.example.org", "x_y-z@d-e.io"),
  uuid: fc.uuid(),
  uri: fc.webUrl(),
};

function textsOf({ format, pattern, minLength = 0, maxLength }: Schema): fc.Arbitrary<string> {
  const formatted = formats[format ?? ""];
  if (formatted !== undefined) return formatted;
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, "u"));
  return fc.oneof(
    fc.string({ minLength, maxLength: Math.min(maxLength ?? minLength + 20, minLength + 20) }),
    fc.string({ minLength, maxLength: Math.min(maxLength ?? minLength + 20, minLength + 20), unit: "binary" }),
  );
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema) {
  const min = typeof exclusiveMinimum === "number" ? exclusiveMinimum + 1 : minimum;
  const max = typeof exclusiveMaximum === "number" ? exclusiveMaximum - 1 : maximum;
  const narrow = (bound: number | undefined) =>
    bound === undefined || Math.abs(bound) > 2 ** 31 - 1 ? undefined : bound;
  return {
    min: narrow(min) ?? (max !== undefined && max < -1000 ? max - 1000 : -1000),
    max: narrow(max) ?? Math.max(1000, (min ?? 0) + 1000),
  };
}
