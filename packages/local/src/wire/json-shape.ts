import { type JsonSettings, JsonShapeDeserializer2, JsonShapeSerializer2 } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { fromBase64 } from "@smithy/core/serde";
import { AwsError } from "./aws-error.ts";
import { requiredMembers } from "./model.ts";

/** What AWS answers for a request that it cannot read. */
export function unreadable(message: string): AwsError {
  return new AwsError("SerializationException", message, { status: 400 });
}

/** How the values of one schema stand in JSON. */
export interface JsonShape {
  /**
   * What a handler takes for what `JSON.parse` gave. Every value must have its schema's type (else
   * SerializationException), and every required member must be there, at any depth; members that are not in the schema
   * are dropped. `given` are members of a structure that stood elsewhere in the request, and have been read.
   */
  read(json: unknown, path: string, given?: Readonly<Record<string, unknown>>): unknown;
  /** What `JSON.stringify` takes for what a handler gave. */
  write(value: unknown): unknown;
}

export interface JsonShapesOptions {
  readonly settings: JsonSettings;
  /** The error for a missing required member, given its path, e.g. `Entries.1.member.Id`. */
  readonly missing: (member: string) => AwsError;
}

declare global {
  interface JSON {
    /** A number that `JSON.stringify` writes with all of its digits. */
    rawJSON(text: string): object;
  }
}

/** The shapes of a service's schemas, each made when it is first asked for. */
export function createJsonShapes(options: JsonShapesOptions): (schema: NormalizedSchema) => JsonShape {
  // By schema, because structures may hold themselves.
  const structures = new Map<unknown, JsonShape>();
  const shapeOf = (schema: NormalizedSchema): JsonShape => {
    if (schema.isStructSchema()) {
      const known = structures.get(schema.getSchema());
      if (known) return known;
      const shape = structure(schema, shapeOf, options);
      structures.set(schema.getSchema(), shape);
      return shape;
    }
    if (schema.isListSchema()) return list(schema, shapeOf);
    if (schema.isMapSchema()) return map(schema, shapeOf);
    return simple(schema, options.settings);
  };
  return shapeOf;
}

type ShapeOf = (schema: NormalizedSchema) => JsonShape;

interface Member {
  readonly name: string;
  readonly jsonName: string;
  readonly isRequired: boolean;
  readonly shape: JsonShape;
}

function structure(schema: NormalizedSchema, shapeOf: ShapeOf, { settings, missing }: JsonShapesOptions): JsonShape {
  let known: readonly Member[] | undefined;
  const members = (): readonly Member[] => {
    known ??= membersOf(schema, shapeOf, settings);
    return known;
  };
  return {
    read(json, path, given = {}) {
      if (!isRecord(json)) throw wrongType("a structure", path);
      const value: Record<string, unknown> = {};
      for (const { name, jsonName, isRequired, shape } of members()) {
        const found = json[jsonName];
        if (given[name] !== undefined) value[name] = given[name];
        else if (found !== undefined && found !== null) value[name] = shape.read(found, within(path, name));
        else if (isRequired) throw missing(within(path, name));
      }
      return value;
    },
    write(value) {
      const json: Record<string, unknown> = {};
      if (!isRecord(value)) return json;
      for (const { name, jsonName, shape } of members()) {
        const found = value[name];
        if (found !== undefined && found !== null) json[jsonName] = shape.write(found);
      }
      return json;
    },
  };
}

function membersOf(schema: NormalizedSchema, shapeOf: ShapeOf, settings: JsonSettings): Member[] {
  const required = requiredMembers(schema);
  return Array.from(schema.structIterator(), ([name, member]) => ({
    name,
    jsonName: (settings.jsonName ? member.getMergedTraits().jsonName : undefined) ?? name,
    isRequired: required.has(name),
    shape: shapeOf(member),
  }));
}

function list(schema: NormalizedSchema, shapeOf: ShapeOf): JsonShape {
  const items = itemsOf(schema, shapeOf);
  return {
    read(json, path) {
      if (!Array.isArray(json)) throw wrongType("a list", path);
      return json.map((item: unknown, index) => items.read(item, `${path}.${index + 1}.member`));
    },
    write: (value) => (Array.isArray(value) ? value.filter(items.isKept).map(items.write) : value),
  };
}

function map(schema: NormalizedSchema, shapeOf: ShapeOf): JsonShape {
  const items = itemsOf(schema, shapeOf);
  return {
    read(json, path) {
      if (!isRecord(json)) throw wrongType("a map", path);
      const entries = Object.entries(json).map(([key, item]) => [key, items.read(item, `${path}.${key}.member`)]);
      return Object.fromEntries(entries);
    },
    write(value) {
      if (!isRecord(value)) return value;
      const kept = Object.entries(value).filter(([, item]) => items.isKept(item));
      return Object.fromEntries(kept.map(([key, item]) => [key, items.write(item)]));
    },
  };
}

/** The items of a list or a map; only a sparse one has nulls. */
function itemsOf(schema: NormalizedSchema, shapeOf: ShapeOf) {
  const sparse = Boolean(schema.getMergedTraits().sparse);
  let known: JsonShape | undefined;
  const shape = (): JsonShape => {
    known ??= shapeOf(schema.getValueSchema());
    return known;
  };
  return {
    isKept: (item: unknown): boolean => sparse || (item !== null && item !== undefined),
    read(item: unknown, path: string): unknown {
      if (item !== null && item !== undefined) return shape().read(item, path);
      if (!sparse) throw wrongType("a value", path);
      return null;
    },
    write: (item: unknown): unknown => (item === null || item === undefined ? null : shape().write(item)),
  };
}

function simple(schema: NormalizedSchema, settings: JsonSettings): JsonShape {
  const asItIs = (value: unknown): unknown => value;
  if (schema.isBlobSchema()) return blob;
  if (schema.isTimestampSchema()) return timestamp(schema, settings);
  if (schema.isNumericSchema()) return { read: readNumber, write: writeNumber };
  const kind = schema.isStringSchema() ? "string" : schema.isBooleanSchema() ? "boolean" : undefined;
  if (kind === undefined) return { read: asItIs, write: asItIs };
  const read: JsonShape["read"] = (json, path) => {
    if (typeof json !== kind) throw wrongType(`a ${kind}`, path);
    return json;
  };
  return { read, write: asItIs };
}

const blob: JsonShape = {
  read(json, path) {
    if (typeof json !== "string") throw wrongType("a blob in base64", path);
    return fromBase64(json);
  },
  write: (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value),
};

function timestamp(schema: NormalizedSchema, settings: JsonSettings): JsonShape {
  return {
    read(json, path) {
      if (typeof json !== "number" && typeof json !== "string") throw wrongType("a timestamp", path);
      const date: unknown = new JsonShapeDeserializer2(settings).readObject(schema, json);
      checkDate(date, path);
      return date;
    },
    write(value) {
      const serializer = new JsonShapeSerializer2(settings);
      serializer.write(schema, value);
      return JSON.parse(new TextDecoder().decode(serializer.flush()));
    },
  };
}

/** Holds what stood in the path, the query string or a header against its schema, after it was read. */
export function checkRead(schema: NormalizedSchema, value: unknown, path: string): void {
  if (schema.isTimestampSchema()) checkDate(value, path);
  else if (schema.isNumericSchema()) readNumber(value, path);
}

function checkDate(value: unknown, path: string): void {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw wrongType("a timestamp", path);
}

/** A bigint is an integer that a number cannot hold. */
function readNumber(json: unknown, path: string): unknown {
  if (json === "Infinity") return Number.POSITIVE_INFINITY;
  if (json === "-Infinity") return Number.NEGATIVE_INFINITY;
  if (typeof json === "bigint" || (typeof json === "number" && !Number.isNaN(json))) return json;
  throw wrongType("a number", path);
}

/** JSON has no NaN and no Infinity. */
function writeNumber(value: unknown): unknown {
  if (typeof value === "bigint") return JSON.rawJSON(String(value));
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const within = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function wrongType(kind: string, path: string): AwsError {
  return unreadable(`Expected ${kind}${path === "" ? " as the request" : ` at '${path}'`}.`);
}
