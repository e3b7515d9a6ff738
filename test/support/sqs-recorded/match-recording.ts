/** What stands in recordings for what differs from run to run; numbered where the same value comes again. */
const placeholders: Readonly<Record<string, string>> = {
  uuid: "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  "receipt-handle": "[A-Za-z0-9+/=]{20,}",
  "sequence-number": "\\d{20}",
  "sender-id": "[A-Z0-9]{16,}",
  "task-handle": "[A-Za-z0-9+/=]{20,}",
  resource: "[A-Za-z0-9_.-]+",
};
const constants: readonly (readonly [recorded: string, pattern: string])[] = [
  ["http://sqs.<region>.localhost.localstack.cloud:4566", "http://127\\.0\\.0\\.1:\\d+"],
  ["arn:<partition>:sqs:<region>:111111111111:", "arn:aws:sqs:us-east-1:000000000000:"],
  ["arn:<partition>:iam::111111111111:", "arn:aws:iam::000000000000:"],
  ["arn:<partition>:iam::", "arn:aws:iam::"],
  ["111111111111", "000000000000"],
  ["<queue-name>", "[A-Za-z0-9_-]+"],
];
const token = new RegExp(
  `<(${Object.keys(placeholders).join("|")}):(\\d+)>|${constants.map(([recorded]) => escapeRegExp(recorded)).join("|")}`,
);

/**
 * Writes an answer with the recording's placeholders, so that the two can be held against each other. A value gets the
 * placeholder that stands in its place in the recording when it is of that kind, and when wherever that placeholder
 * stands the same value stands, and another value elsewhere; else it stays as it is.
 */
export function withPlaceholders(answer: unknown, recorded: unknown): unknown {
  const valueAt = new Map<string, string>();
  const placeholderOf = new Map<string, string>();
  const matchText = (found: string, wanted: string): string => {
    const { pattern, names } = toPattern(wanted);
    const values = pattern.exec(found)?.slice(1);
    if (!values) return found;
    for (const [index, name] of names.entries()) {
      const value = values[index] ?? "";
      const kind = name.slice(0, name.indexOf(":"));
      if ((valueAt.get(name) ?? value) !== value) return found;
      if ((placeholderOf.get(`${kind} ${value}`) ?? name) !== name) return found;
      valueAt.set(name, value);
      placeholderOf.set(`${kind} ${value}`, name);
    }
    return wanted;
  };
  const match = (found: unknown, wanted: unknown, key: string): unknown => {
    if (wanted === "timestamp") return isTimestamp(found, key) ? wanted : found;
    if (key === "NextToken" && typeof found === "string" && found !== "") return wanted;
    if (typeof found === "string" && typeof wanted === "string") return matchText(found, wanted);
    if (typeof found === "string" && isRecord(wanted)) return match(parsed(found), wanted, key);
    if (Array.isArray(found)) {
      return found.map((item, index) => match(item, Array.isArray(wanted) ? wanted[index] : undefined, ""));
    }
    if (!isRecord(found)) return found;
    const inner = isRecord(wanted) ? wanted : {};
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, match(value, inner[name], name)]));
  };
  return match(answer, recorded, "");
}

function toPattern(wanted: string): { pattern: RegExp; names: string[] } {
  const names: string[] = [];
  let pattern = "";
  let rest = wanted;
  for (let found = token.exec(rest); found; found = token.exec(rest)) {
    const [whole, kind, number] = found;
    pattern += escapeRegExp(rest.slice(0, found.index));
    if (kind === undefined) pattern += constants.find(([recorded]) => recorded === whole)?.[1] ?? "";
    else {
      pattern += `(${placeholders[kind]})`;
      names.push(`${kind}:${number}`);
    }
    rest = rest.slice(found.index + whole.length);
  }
  return { pattern: new RegExp(`^${pattern}${escapeRegExp(rest)}$`), names };
}

/** The recorder wrote `timestamp` for a time, and for whatever is called that. */
function isTimestamp(found: unknown, key: string): boolean {
  if (key === "timestamp") return found !== undefined;
  return key.endsWith("Timestamp") && /^\d{10}(\d{3})?$/.test(String(found));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
