/** Whether a record, parsed from JSON, is what a pattern asks for. */
export type EventPattern = (record: unknown) => boolean;

type Json = Readonly<Record<string, unknown>>;
type ValueRule = (value: unknown) => boolean;

/** What EventBridge and Lambda take for a number in a `numeric` rule, either way of zero. */
const largestNumber = 5e9;

/**
 * Reads a pattern of Lambda's event filtering, e.g. `{"body":{"kind":["a",{"prefix":"b"}]}}`: every field must match,
 * with any of its rules. Throws, with the path of what is wrong, for anything that Lambda's table of comparison operators
 * does not have: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
 */
export function readEventPattern(pattern: string): EventPattern {
  return readFields(parseObject(pattern), "");
}

function parseObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("", "it is not JSON");
  }
  if (!isObject(value)) throw invalid("", "it must be a JSON object");
  return value;
}

function readFields(fields: Json, path: string): EventPattern {
  const names = Object.keys(fields);
  if (names.length === 0) throw invalid(path, "an object must name a field");
  const tests = names.map((name) =>
    name === "$or" ? readOr(fields[name], path) : readField(name, fields[name], path),
  );
  return (record) => isObject(record) && tests.every((test) => test(record));
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or */
function readOr(given: unknown, path: string): EventPattern {
  if (!Array.isArray(given) || given.length < 2)
    throw invalid(`${path}.$or`, "it must be a list of two objects or more");
  const choices = given.map((choice: unknown, index) => {
    if (!isObject(choice)) throw invalid(`${path}.$or[${index}]`, "it must be an object");
    return readFields(choice, `${path}.$or[${index}]`);
  });
  return (record) => choices.some((matches) => matches(record));
}

function readField(name: string, given: unknown, parent: string): EventPattern {
  const path = parent === "" ? name : `${parent}.${name}`;
  const fieldOf = (record: unknown): unknown =>
    isObject(record) && Object.hasOwn(record, name) ? record[name] : undefined;
  if (isObject(given)) {
    const matches = readFields(given, path);
    // A field that is not there has no fields, which is what `exists: false` below it asks for.
    return (record) => elementsOf(fieldOf(record) ?? {}).some(matches);
  }
  if (!Array.isArray(given) || given.length === 0) throw invalid(path, "it must be an object or a list of rules");
  const rules = given.map((rule: unknown) => readRule(rule, path));
  return (record) => rules.some((rule) => rule(fieldOf(record)));
}

/** The rule's field is handed over as it stands in the record: undefined when it is not there, a list when it is one. */
function readRule(given: unknown, path: string): ValueRule {
  if (!isObject(given)) {
    if (Array.isArray(given)) throw invalid(path, "a list in a list is not a rule");
    return onLeaves((value) => value === given);
  }
  const [[operator = "", operand] = [], ...more] = Object.entries(given);
  if (more.length > 0) throw invalid(path, "a rule has one operator");
  if (operator === "exists") {
    if (typeof operand !== "boolean") throw invalid(path, "exists takes true or false");
    return (value) => elementsOf(value).some(isLeaf) === operand;
  }
  return onLeaves(readComparison(operator, operand, path));
}

function readComparison(operator: string, operand: unknown, path: string): ValueRule {
  switch (operator) {
    case "prefix":
    case "suffix":
    case "equals-ignore-case":
      return readStringComparison(operator, operand, path);
    case "numeric":
      return readNumeric(operand, path);
    case "anything-but":
      return readAnythingBut(operand, path);
    default:
      throw invalid(path, `unrecognized match type ${operator}`);
  }
}

function readStringComparison(operator: string, operand: unknown, path: string): ValueRule {
  if (typeof operand !== "string") throw invalid(path, `${operator} takes a string`);
  if (operator === "prefix") return (value) => typeof value === "string" && value.startsWith(operand);
  if (operator === "suffix") return (value) => typeof value === "string" && value.endsWith(operand);
  const folded = operand.toLowerCase();
  return (value) => typeof value === "string" && value.toLowerCase() === folded;
}

const comparisons: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  "=": (left, right) => left === right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** `["=", 1]`, `[">", 1]`, or a range: `[">=", 1, "<", 5]`. */
function readNumeric(operand: unknown, path: string): ValueRule {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4))
    throw invalid(path, "numeric takes one or two pairs of operator and number");
  const bounds: ((value: number) => boolean)[] = [];
  for (let at = 0; at < operand.length; at += 2) {
    const [operator, bound]: unknown[] = operand.slice(at, at + 2);
    const compare = comparisons[String(operator)];
    if (!compare) throw invalid(path, `unrecognized numeric operator ${String(operator)}`);
    if (typeof bound !== "number" || Math.abs(bound) > largestNumber)
      throw invalid(path, "a bound must be a number from -5e9 to 5e9");
    bounds.push((value) => compare(value, bound));
  }
  return (value) => typeof value === "number" && bounds.every((holds) => holds(value));
}

/** A value, a list of values, or one comparison of strings: `{"anything-but": {"prefix": "a"}}`. */
function readAnythingBut(operand: unknown, path: string): ValueRule {
  if (isObject(operand)) {
    const [[operator = "", text] = [], ...more] = Object.entries(operand);
    if (more.length > 0 || (operator !== "prefix" && operator !== "suffix"))
      throw invalid(path, "anything-but takes values, a prefix or a suffix");
    const matches = readStringComparison(operator, text, path);
    return (value) => !matches(value);
  }
  const values: unknown[] = Array.isArray(operand) ? operand : [operand];
  if (values.length === 0 || !values.every((value) => typeof value === "string" || typeof value === "number"))
    throw invalid(path, "anything-but takes strings or numbers");
  const refused: ReadonlySet<unknown> = new Set(values);
  return (value) => !refused.has(value);
}

/** A list matches when one of its values does. */
const onLeaves =
  (rule: ValueRule): ValueRule =>
  (value) =>
    elementsOf(value).some((element) => isLeaf(element) && rule(element));

const elementsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

const isLeaf = (value: unknown): boolean => value !== undefined && (value === null || typeof value !== "object");

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function invalid(path: string, reason: string): Error {
  return new Error(`Invalid filter pattern definition${path === "" ? "" : ` at ${path}`}: ${reason}.`);
}
