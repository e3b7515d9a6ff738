import type createClient from "data-api-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientTablesSql } from "./support/data-api/client-tables.ts";
import { type LocalDatabase, startLocalDatabase } from "./support/local-aws.ts";

let local: LocalDatabase;

beforeAll(async () => {
  process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
  local = await startLocalDatabase();
});
afterAll(() => local.close());

const ada = "c0ffee00-0000-4000-8000-000000000001";

async function open(): Promise<ReturnType<typeof createClient>> {
  const { default: create } = await import("data-api-client");
  const { name } = await local.freshDatabase();
  for (const statement of clientTablesSql) await local.query(name, statement);
  return create({
    engine: "pg",
    resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
    secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
    database: name,
    options: {
      endpoint: local.wire.url,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxRetries: 0,
    },
  });
}

const insertMember = "insert into members (id, email, profile, seen_at) values (:id, :email, :profile, :seen)";
const adasValues = [
  { name: "id", value: ada, cast: "uuid" },
  { name: "email", value: "ada@example.com" },
  { name: "profile", value: JSON.stringify({ name: "Ada", nested: { list: [1, 2] } }), cast: "jsonb" },
  { name: "seen", value: new Date("2026-01-02T03:04:05.678Z") },
];

describe("data-api-client on the AWS SDK 2", () => {
  test("gives rows by the names of their columns, dates as dates", async () => {
    const db = await open();
    const sql = `select 1 as one, 1.5::float8 as half, 'a:b' as text, null as nothing, true as yes,
      date '2026-01-02' as day, timestamp '2026-01-02 03:04:05.678' as "at"`;
    expect(await db.query(sql)).toEqual({
      records: [
        {
          one: 1,
          half: 1.5,
          text: "a:b",
          nothing: null,
          yes: true,
          day: new Date("2026-01-02T00:00:00Z"),
          at: new Date("2026-01-02T03:04:05.678Z"),
        },
      ],
    });
  });

  test("fills in parameters by name, with casts, dates and names of columns", async () => {
    const db = await open();
    expect(await db.query({ sql: insertMember, parameters: adasValues })).toEqual({ numberOfRecordsUpdated: 1 });
    const sql =
      "select email, profile ->> 'name' as name, seen_at from members where id = :id::uuid and email = :email";
    const { records } = await db.query(sql, { id: ada, email: "ada@example.com" });
    expect(records).toEqual([{ email: "ada@example.com", name: "Ada", seen_at: new Date("2026-01-02T03:04:05.678Z") }]);
    expect(await db.query("update members set seen_at = :seen", { seen: null })).toEqual({ numberOfRecordsUpdated: 1 });
    expect((await db.query("select seen_at from members")).records).toEqual([{ seen_at: null }]);
  });

  test("inserts a batch, all or nothing", async () => {
    const db = await open();
    const insert = "insert into members (email, profile) values (:email, '{}')";
    const emails = ["a", "b", "c"].map((email) => [{ email }]);
    expect(await db.query(insert, emails)).toEqual({ updateResults: [{}, {}, {}] });
    await expect(db.query(insert, [[{ email: "d" }], [{ email: "a" }]])).rejects.toThrow("SQLState: 23505");
    const { records } = await db.query("select string_agg(email, '' order by email) as emails from members");
    expect(records).toEqual([{ emails: "abc" }]);
  });

  test("commits a transaction whose statements build on each other", async () => {
    const db = await open();
    const results = await db
      .transaction()
      .query("insert into members (email, profile) values (:email, '{}') returning id", { email: "a" })
      .query(({ records }) => ({
        sql: "insert into visits (member_id, pages) values (:member::uuid, 3)",
        parameters: { member: records?.[0]?.id },
      }))
      .commit();
    expect(results.at(-1)).toEqual({ transactionStatus: "Transaction Committed" });
    const { records } = await db.query("select email, pages from members join visits on member_id = members.id");
    expect(records).toEqual([{ email: "a", pages: 3 }]);
  });

  test("rolls a transaction back when a statement of it fails, and tells why in Aurora's words", async () => {
    const db = await open();
    const told: unknown[] = [];
    const insert = "insert into members (email, profile) values (:email, '{}')";
    const committed = db
      .transaction()
      .query(insert, { email: "a" })
      .query(insert, { email: "a" })
      .rollback((error, status) => told.push(error.message, status))
      .commit();
    const message =
      'ERROR: duplicate key value violates unique constraint "members_email_key"; ' +
      "Detail: Key (email)=(a) already exists.; SQLState: 23505";
    await expect(committed).rejects.toThrow(message);
    expect(told).toEqual([message, { transactionStatus: "Rollback Complete" }]);
    expect((await db.query("select count(*) as members from members")).records).toEqual([{ members: 0 }]);
  });
});
