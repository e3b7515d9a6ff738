import { refName, type Schema } from "./document-model.ts";
import { fragment, html, type Markup, nothing, prose } from "./markup.ts";

/** A schema, to be read: its kind, what it allows, and the schemas within it with theirs. */
export function schemaMarkup(schema: Schema, depth = 0): Markup {
  return html`${kindMarkup(schema)}${describe(schema)}${membersMarkup(schema, depth)}${partsMarkup(schema, depth)}`;
}

/** What kind of value a schema is of, in a few words; a link where it is another schema of the document. */
export function kindMarkup(schema: Schema): Markup {
  const name = refName(schema);
  if (name !== undefined) return html`<a class="kind" href="#${fragment("schema", name)}">${name}</a>`;
  if (schema.type === "array") {
    if (typeof schema.items !== "object" || schema.items.$ref === undefined)
      return html`<span class="kind">list</span>`;
    return html`<span class="kind">list of </span>${kindMarkup(schema.items)}`;
  }
  return html`<span class="kind">${kindWords(schema)}</span>`;
}

function kindWords(schema: Schema): string {
  const { type, format } = schema;
  if (type === undefined) {
    if ("const" in schema) return "constant";
    if (schema.oneOf !== undefined || schema.anyOf !== undefined) return "one of";
    return schema.allOf !== undefined ? "all of" : schema.not === undefined ? "anything" : "something else";
  }
  const words = typeof type === "string" ? type : type.join(" or ");
  return format === undefined ? words : `${words} (${format})`;
}

function describe(schema: Schema): Markup {
  const rules = ruleWords(schema).map((rule) => html`<li>${prose(rule)}</li>`);
  return html`${schema.description === undefined ? nothing : html`<p>${prose(schema.description)}</p>`}${
    rules.length === 0 ? nothing : html`<ul class="rules">${rules}</ul>`
  }`;
}

/** What a value must be like, besides its type. */
function ruleWords(schema: Schema): readonly string[] {
  const code = (value: unknown): string => `\`${JSON.stringify(value)?.replaceAll("`", "'") ?? "nothing"}\``;
  return [
    ...("const" in schema ? [`always ${code(schema.const)}`] : []),
    ...(schema.enum === undefined ? [] : [`one of ${schema.enum.map(code).join(", ")}`]),
    ...range("", schema.minimum, schema.maximum),
    ...(typeof schema.exclusiveMinimum === "number" ? [`more than ${schema.exclusiveMinimum}`] : []),
    ...(typeof schema.exclusiveMaximum === "number" ? [`less than ${schema.exclusiveMaximum}`] : []),
    ...(typeof schema.multipleOf === "number" ? [`a multiple of ${schema.multipleOf}`] : []),
    ...range("length ", schema.minLength, schema.maxLength),
    ...range("items ", schema.minItems, schema.maxItems),
    ...(schema.pattern === undefined ? [] : [`matches \`${schema.pattern.replaceAll("`", "'")}\``]),
    ...("default" in schema ? [`default ${code(schema.default)}`] : []),
    ...(schema.additionalProperties === false ? ["no other members"] : []),
  ];
}

function range(what: string, from: number | undefined, to: number | undefined): readonly string[] {
  if (from !== undefined && to !== undefined) return [`${what}${from} to ${to}`];
  if (from !== undefined) return [`${what}at least ${from}`];
  return to === undefined ? [] : [`${what}at most ${to}`];
}

/** A schema may be deep; below this only its kind is shown. */
const deepest = 6;

function membersMarkup({ properties, required = [] }: Schema, depth: number): Markup {
  if (properties === undefined || depth >= deepest) return nothing;
  const rows = Object.entries(properties).map(
    ([name, member]) =>
      html`<dt><code>${name}</code>${required.includes(name) ? html` <em>required</em>` : nothing}</dt><dd>${schemaMarkup(member, depth + 1)}</dd>`,
  );
  return html`<dl class="members">${rows}</dl>`;
}

/** Schemas within one that are no members of it, each with what it is there. */
function partsMarkup(schema: Schema, depth: number): Markup {
  const { items, prefixItems = [], additionalProperties } = schema;
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf ?? [];
  const parts: readonly (readonly [string, Schema])[] = [
    ...choices.map((each) => ["", each] as const),
    ...prefixItems.map((each, index) => [`item ${index + 1}: `, each] as const),
    ...(typeof items === "object" && items.$ref === undefined ? [["each item: ", items] as const] : []),
    ...(typeof additionalProperties === "object" ? [["other members: ", additionalProperties] as const] : []),
  ];
  if (parts.length === 0 || depth >= deepest) return nothing;
  return html`<ul class="parts">${parts.map(([what, part]) => html`<li>${what}${schemaMarkup(part, depth + 1)}</li>`)}</ul>`;
}
