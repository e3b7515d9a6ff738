import { refName, type Schema } from "./document-model.ts";

/** Texts by `format`. */
const texts: Readonly<Record<string, string>> = {
  "date-time": "2026-11-20T10:00:00Z",
  date: "2026-11-20",
  time: "10:00:00",
  duration: "PT10M",
  email: "ada@example.com",
  uri: "https://example.com/",
  url: "https://example.com/",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uuid: "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77",
};

/**
 * A value that fits a schema, for people to look at: its own example, default or constant where it has one, else the
 * smallest that shows every member. A `pattern` is not worked out: such a text may not fit.
 */
export function exampleValue(schema: Schema, components: Readonly<Record<string, Schema>>, depth = 0): unknown {
  const name = refName(schema);
  if (name !== undefined) return exampleValue(components[name] ?? {}, components, depth + 1);
  if (schema.examples?.[0] !== undefined) return schema.examples[0];
  if ("const" in schema) return schema.const;
  if ("default" in schema) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  const choice = (schema.oneOf ?? schema.anyOf)?.find(
    (each, _, all) => depth < deepest || all.length === 1 || isPlain(each),
  );
  if (choice !== undefined) return exampleValue(choice, components, depth + 1);
  if (schema.allOf !== undefined) return exampleOfAll(schema.allOf, components, depth);
  return exampleOfType(schema, components, depth);
}

/** Below this depth only what is required is shown: a schema may contain itself. */
const deepest = 4;

const isPlain = (schema: Schema): boolean => schema.$ref === undefined && !hasType(schema, "object", "array");

const hasType = ({ type }: Schema, ...names: readonly string[]): boolean =>
  names.some((name) => type === name || (Array.isArray(type) && type.includes(name)));

function exampleOfAll(all: readonly Schema[], components: Readonly<Record<string, Schema>>, depth: number): unknown {
  const values = all.map((each) => exampleValue(each, components, depth + 1));
  return values.every((value) => typeof value === "object" && value !== null)
    ? Object.assign({}, ...values)
    : values[0];
}

function exampleOfType(schema: Schema, components: Readonly<Record<string, Schema>>, depth: number): unknown {
  if (schema.properties !== undefined || hasType(schema, "object")) return exampleObject(schema, components, depth);
  if (hasType(schema, "array")) return exampleList(schema, components, depth);
  if (hasType(schema, "string")) return exampleText(schema);
  if (hasType(schema, "integer", "number")) return exampleNumber(schema);
  if (hasType(schema, "boolean")) return true;
  return hasType(schema, "null") ? null : {};
}

function exampleObject(schema: Schema, components: Readonly<Record<string, Schema>>, depth: number): unknown {
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name]) => depth < deepest || schema.required?.includes(name),
  );
  // A schema that requires itself has no finite example: it ends here.
  if (depth > 4 * deepest) return {};
  return Object.fromEntries(shown.map(([name, member]) => [name, exampleValue(member, components, depth + 1)]));
}

function exampleList(schema: Schema, components: Readonly<Record<string, Schema>>, depth: number): unknown {
  const first = (schema.prefixItems ?? []).map((each) => exampleValue(each, components, depth + 1));
  const count = Math.max(schema.minItems ?? 0, depth < deepest ? 1 : 0, first.length);
  const items = typeof schema.items === "object" ? schema.items : {};
  if (depth > 4 * deepest) return [];
  return [...Array(Math.min(count, 10)).keys()].map(
    (index) => first[index] ?? exampleValue(items, components, depth + 1),
  );
}

function exampleText({ format = "", minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Schema): string {
  const text = texts[format] ?? "some text";
  return text.padEnd(Math.min(minLength, 200), "x").slice(0, maxLength);
}

function exampleNumber({ type, minimum, maximum, exclusiveMinimum, multipleOf }: Schema): number {
  const step = typeof multipleOf === "number" ? multipleOf : 1;
  const above = typeof exclusiveMinimum === "number" ? exclusiveMinimum + step : undefined;
  const least = above ?? (minimum === undefined || minimum < 0 ? 1 : minimum);
  const value = Math.min(Math.ceil(least / step) * step, maximum ?? Number.POSITIVE_INFINITY);
  return type === "integer" ? Math.trunc(value) : value;
}
