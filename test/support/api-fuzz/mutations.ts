/** What is done to requests that the document describes, so that it describes them no longer. */
import fc from "fast-check";
import type { Caller, FuzzRequest } from "./requests.ts";
import { jsonValues } from "./values.ts";

type Mutation = fc.Arbitrary<(request: FuzzRequest) => FuzzRequest>;

const encoder = new TextEncoder();

/** Texts that parsers, databases and logs have choked on before. */
const badTexts = fc.constantFrom(
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udfff\ud800",
  "\uffff\ufffe",
  "'; drop table tendril.jobs; --",
  "../../etc/passwd",
  "null",
  "undefined",
  "NaN",
  "-1",
  "0",
  "101",
  "1e9",
  "99999999999999999999",
  "true",
  "[]",
  "{}",
  "__proto__",
  "constructor",
  "%00",
  "😀",
  "\u202e",
  "e\u0301",
  "x".repeat(300),
  "x".repeat(5000),
);

const anyTexts = fc.oneof(badTexts, fc.string(), fc.string({ unit: "binary", maxLength: 10 }));

const timesAndSuch = fc.constantFrom(
  "2026-11-20T10:00:00",
  "2026-11-20T10:00Z",
  "2026-02-30T10:00:00Z",
  "9999-12-31T23:59:59Z",
  "0000-01-01T00:00:00Z",
  "+275760-09-13T00:00:00.000Z",
  "20 fortnights",
  "1e3 seconds",
  "-5 minutes",
  "999999999999 days",
  "0.0001 seconds",
  "367 days",
  "26s",
  "P1D",
  "1 minute",
);

const mutate = (name: string, change: fc.Arbitrary<(request: FuzzRequest) => Partial<FuzzRequest>>): Mutation =>
  change.map((apply) => (request) => ({
    ...request,
    ...apply(request),
    mutations: [...request.mutations, name],
  }));

const encodeOddly = (text: string): string => encodeURIComponent(text.toWellFormed());

const otherMethod = mutate(
  "method",
  fc
    .constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND")
    .map((method) => () => ({ method })),
);

const otherCaller = mutate(
  "caller",
  fc.constantFrom<Caller>("none", "wrong", "read", "enqueue", "operate").map((caller) => () => ({ caller })),
);

const otherPath = mutate(
  "path",
  fc.oneof(
    fc
      .constantFrom("/", "//", "/x", "%00", "/..", "/%2e%2e/jobs", ";a=b", "%ff", ".json", "%2F")
      .map((end) => ({ target }: FuzzRequest) => ({
        target: target.replace(/^([^?]*)/, (path) => path + end),
      })),
    fc.constantFrom("//", "/./", "/job/post/../../").map((begin) => ({ target }: FuzzRequest) => ({
      target: begin + target.slice(1),
    })),
    fc.constant(({ target }: FuzzRequest) => ({ target: target.replace(/^[^?]*/, (path) => path.toUpperCase()) })),
    anyTexts.map((text) => ({ path, target }: FuzzRequest) => ({
      target: path.includes("{")
        ? target.replace(/^\/(\w+)\/[^/?]*/, (_, first: string) => `/${first}/${encodeOddly(text)}`)
        : `/${encodeOddly(text)}`,
    })),
  ),
);

const otherQuery = mutate(
  "query",
  fc
    .tuple(
      fc.constantFrom(
        "limit",
        "state",
        "type",
        "queue",
        "since",
        "until",
        "cursor",
        "wait",
        "deep",
        "__proto__",
        "x",
        "",
      ),
      fc.oneof(anyTexts, timesAndSuch, fc.constantFrom("%", "%zz", "%ff", "+", "a&limit=5", "5&limit=5")),
      fc.boolean(),
    )
    .map(([name, value, raw]) => ({ target }: FuzzRequest) => ({
      target: `${target}${target.includes("?") ? "&" : "?"}${name}=${raw && /^[!-~]*$/.test(value) ? value.replace(/#/g, "") : encodeOddly(value)}`,
    })),
);

const otherHeader = mutate(
  "header",
  fc
    .oneof(
      fc.tuple(
        fc.constant("content-type"),
        fc.constantFrom(
          "",
          "text/plain",
          "application/json; charset=latin1",
          "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=x",
          "application/problem+json",
          "json",
        ),
      ),
      fc.tuple(fc.constant("idempotency-key"), fc.constantFrom("", "a b", "x".repeat(256), "é", "a, b")),
      fc.tuple(fc.constant("x-request-id"), fc.constantFrom("abc-1=", "a b", "x".repeat(300), "<script>", "é")),
      fc.tuple(
        fc.constant("authorization"),
        fc.constantFrom("", "Bearer", "Bearer  ", "Basic YTpi", "bearer x y", "Bearer é"),
      ),
      fc.tuple(
        fc.constantFrom(
          "content-encoding",
          "accept",
          "accept-encoding",
          "origin",
          "range",
          "if-none-match",
          "x-http-method-override",
          "x-forwarded-for",
        ),
        fc.constantFrom("gzip", "DELETE", "*", "https://evil.example", "bytes=0-1", "text/xml"),
      ),
      fc.tuple(fc.constant("cookie"), fc.constantFrom("a=b", "x".repeat(4000), "x".repeat(12_000))),
    )
    .map(([name, value]) => ({ headers }: FuzzRequest) => ({ headers: { ...headers, [name]: value } })),
);

const otherBytes = mutate(
  "bytes",
  fc.oneof(
    fc
      .constantFrom(
        "",
        " ",
        "null",
        "[]",
        "{",
        "[[[[",
        '"text"',
        "5",
        "{}{}",
        '{"data": 1, "data": 2}',
        '{"__proto__": {"data": "a"}}',
        '{"data": "\ud800"}',
        '{"type": "TextJob", "input": "\\ud800"}',
        '{"type": "AnythingJob", "input": "\\u0000\\uffff"}',
        '{"type": "AnythingJob", "input": {"__proto__": {"a": 1}, "constructor": 1}}',
        '{"type": "AnythingJob", "input": 1e400}',
        '{"type": "AnythingJob", "input": -0.0}',
        '[{"type": "TextJob", "input": "\\ud800", "key": "k"}]',
        "[1, null, {}]",
        "\ufeff{}",
        "{'data': 'a'}",
        "data=a",
      )
      .map((text) => () => ({ body: encoder.encode(text) })),
    fc.uint8Array({ maxLength: 40 }).map((body) => () => ({ body })),
    fc.nat({ max: 100 }).map((percent) => ({ body }: FuzzRequest) => ({
      body: body?.slice(0, (body.length * percent) / 100),
    })),
    fc.constantFrom(150, 5000, 100_000).map((depth) => () => ({
      body: encoder.encode(`{"type": "AnythingJob", "input": ${"[".repeat(depth)}${"]".repeat(depth)}}`),
    })),
    fc.constantFrom(0, 1001).map((count) => () => ({
      body: encoder.encode(JSON.stringify(Array(count).fill({ type: "TextJob", input: "many" }))),
    })),
    fc.constant(() => ({ body: undefined })),
  ),
);

const hugeBytes = mutate(
  "huge",
  fc.constantFrom(1_048_400, 1_048_576, 1_100_000, 4_000_000).map((length) => () => ({
    body: encoder.encode(`{"type": "AnythingJob", "input": "${"x".repeat(length)}"}`),
  })),
);

/** Changes one thing somewhere in a JSON body: its kind, its text, its presence. */
const otherValue = mutate(
  "value",
  fc
    .record({
      where: fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 4 }),
      value: fc.oneof(jsonValues, anyTexts, timesAndSuch, fc.constantFrom(null, true, -1, 0, 1.5, 1e300, [], {})),
      what: fc.constantFrom("replace" as const, "remove" as const, "add" as const),
    })
    .map(({ where, value, what }) => ({ body }: FuzzRequest) => {
      const parsed = body === undefined ? undefined : parse(body);
      if (parsed === undefined) return {};
      return { body: encoder.encode(JSON.stringify(changed(parsed, where, what, value))) };
    }),
);

function changed(
  given: unknown,
  [first = 0, ...rest]: readonly number[],
  what: "replace" | "remove" | "add",
  value: unknown,
): unknown {
  if (typeof given !== "object" || given === null) return value;
  const entries = Object.entries(given);
  const at = entries.length === 0 ? 0 : first % entries.length;
  const isDeeper = rest.length > 0 && typeof entries[at]?.[1] === "object" && entries[at][1] !== null;
  const next = isDeeper
    ? entries.map(([key, member], index) => [key, index === at ? changed(member, rest, what, value) : member] as const)
    : what === "remove"
      ? entries.filter((_, index) => index !== at)
      : what === "add"
        ? [...entries, [String(first), value] as const]
        : entries.map(([key, member], index) => [key, index === at ? value : member] as const);
  return Array.isArray(given) ? next.map(([, member]) => member) : Object.fromEntries(next);
}

/** Undefined for what is no JSON, or too deep to be written again. */
function parse(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    JSON.stringify([[value]]);
    return value;
  } catch {
    return undefined;
  }
}

/** Half of the requests as they are, the others with one to three things wrong. */
export function mutated(requests: fc.Arbitrary<FuzzRequest>): fc.Arbitrary<FuzzRequest> {
  const mutation = fc.oneof(
    { weight: 2, arbitrary: otherMethod },
    { weight: 2, arbitrary: otherCaller },
    { weight: 3, arbitrary: otherPath },
    { weight: 4, arbitrary: otherQuery },
    { weight: 4, arbitrary: otherHeader },
    { weight: 4, arbitrary: otherBytes },
    { weight: 10, arbitrary: otherValue },
    { weight: 1, arbitrary: fc.nat({ max: 9 }).chain((chance) => (chance === 0 ? hugeBytes : otherBytes)) },
  );
  const count = fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.constant(1) },
    { weight: 2, arbitrary: fc.integer({ min: 2, max: 3 }) },
  );
  return count.chain((times) =>
    fc
      .tuple(requests, fc.array(mutation, { minLength: times, maxLength: times }))
      .map(([request, apply]) => apply.reduce((each, change) => change(each), request)),
  );
}
