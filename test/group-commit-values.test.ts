/** What `job.write` sends is what `job.sql` sends: the same values with the same types, and never as part of the statement. */
import type { SqlValue, Write } from "@tendril/core/handler";
import { collectWrites } from "@tendril/ledger/collected-writes";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
  await bench.query("create table seen (way text, place int, type text, value text)");
});
afterAll(() => bench.close());

const hostile = [
  "'",
  "''",
  "\\",
  "\\'",
  "$1",
  "$$",
  "$q$",
  "{",
  "}",
  '"',
  ",",
  ";",
  "--",
  "/*",
  "*/",
  ":p1",
  "%L",
  "%",
  "NULL",
  "null",
  "\n",
  "\r",
  "\t",
  "\u0001",
  "\u007f",
  "é",
  "✂",
  "🌱",
  "\ud800",
  "'; drop table seen; --",
  "') returning pg_sleep(9) --",
];
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...hostile, "a", " ", "1"), maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.replaceAll("\u0000", "")),
);
// Postgres takes no \u0000 and no half of a surrogate pair in jsonb, whichever way it comes.
const json = fc.jsonValue().filter((value) => typeof value === "object" && value !== null && isStorable(value));
const isStorable = (value: unknown): boolean => !/\\u(?:0000|d[89a-f])/.test(JSON.stringify(value));
const value: fc.Arbitrary<SqlValue> = fc.oneof(
  text,
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
  fc.boolean(),
  fc.constant(null),
  fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }),
  json as fc.Arbitrary<object>,
);

/** Runs the same in both ways, in one transaction, and gives what each has left. */
async function bothWays(values: readonly SqlValue[]): Promise<{ write: unknown[]; sql: unknown[] }> {
  const { transaction } = await bench.claimed(newJob());
  const { write, close } = collectWrites(signal);
  for (const [place, each] of values.entries()) {
    if (each === null) {
      write`insert into seen values ('write', ${place}, ${null}, ${null})`;
      await transaction.sql`insert into seen values ('sql', ${place}, ${null}, ${null})`;
      continue;
    }
    write`insert into seen values ('write', ${place}, pg_typeof(${each})::text, ${each}::text)`;
    await transaction.sql`insert into seen values ('sql', ${place}, pg_typeof(${each})::text, ${each}::text)`;
  }
  await bench.ledger.write(transaction, close());
  const read = (way: string) => transaction.sql`select place, type, value from seen where way = ${way} order by place`;
  const found = { write: await read("write"), sql: await read("sql") };
  await transaction.rollback();
  return found;
}

test("any value arrives as job.sql would bring it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 10, maxLength: 30 }), async (values) => {
      const { write, sql } = await bothWays(values);
      expect(write).toEqual(sql);
      expect(write).toHaveLength(values.length);
    }),
    { numRuns: 12 },
  );
}, 30_000);

test("every hostile text arrives as it is", async () => {
  const texts = hostile.map((text) => text.toWellFormed());
  const { write } = await bothWays(hostile);
  expect(write).toEqual(texts.map((value, place) => ({ place, type: "text", value })));
});

test("a value stands wherever Postgres takes an expression", async () => {
  await bench.query("create table places (id uuid, small int2, tags text[], spans interval, at timestamptz)");
  const { transaction } = await bench.claimed(newJob());
  const { write, close } = collectWrites(signal);
  const id = crypto.randomUUID();
  write`insert into places values (${id}::uuid, ${7}, ${"{a,b}"}::text[], ${"1 day"}::interval, ${new Date(0)})`;
  write`update places set small = ${null}, tags = tags || ${"c"} where id = ${id}::uuid and small in (${7}, ${8})`;
  write`delete from places where id in (select id from places where at > ${new Date(9)} limit ${1})`;
  write`insert into places (tags) select array[value] from generate_series(1, ${2}) as number, lateral (select 'n' || number) as named (value) where number < ${1.5}`;
  write`select 'not a place: ${"x"}'`;
  await bench.ledger.write(transaction, close());
  expect(await transaction.sql`select small, tags::text, spans::text, at from places order by id nulls last`).toEqual([
    { small: null, tags: "{a,b,c}", spans: "1 day", at: expect.stringContaining("1970-01-01 00:00:00") },
    { small: null, tags: "{n1}", spans: null, at: null },
  ]);
  await transaction.rollback();
});

describe("job.write refuses", () => {
  const refused: Record<string, (write: Write) => void> = {
    "a commit": (write) => write`commit`,
    "a rollback to a savepoint": (write) => write`/* so */ rollback to savepoint a`,
    "a savepoint": (write) => write`savepoint a`,
    "a setting": (write) => write`set local search_path = nowhere`,
    "a setting by its function": (write) => write`select set_config('app.user', ${"7"}, true)`,
    "a setting by its quoted function": (write) => write`select "set_config"('app.user', ${"7"}, true)`,
    "two statements": (write) => write`select 1; set role postgres`,
    nothing: (write) => write`-- nothing`,
  };

  test.each(Object.entries(refused))("%s", (_, call) => {
    const { write, close } = collectWrites(signal);
    for (let time = 0; time < 2; time += 1) {
      expect(() => call(write)).toThrow(expect.objectContaining({ code: "sql_not_allowed" }));
    }
    expect(close()).toEqual([]);
  });

  test("what has no counterpart in SQL, before anything is sent", () => {
    const { write } = collectWrites(signal);
    expect(() => write`select ${Number.NaN}`).toThrow(expect.objectContaining({ code: "sql_value_invalid" }));
  });

  test("what comes after the job's end, with its reason", () => {
    const { write } = collectWrites(AbortSignal.abort(new Error("the timeout")));
    expect(() => write`select 1`).toThrow("the timeout");
  });
});
