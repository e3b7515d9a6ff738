import { RDSData, RDSDataClient } from "@aws-sdk/client-rds-data";
import { asc, count, eq, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/aws-data-api/pg";
import { Kysely, sql as kyselySql } from "kysely";
import { DataApiDialect } from "kysely-data-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientTablesSql, type KyselyTables, members, visits } from "./support/data-api/client-tables.ts";
import { type LocalDatabase, startLocalDatabase } from "./support/local-aws.ts";

let local: LocalDatabase;

beforeAll(async () => {
  local = await startLocalDatabase();
});
afterAll(() => local.close());

const link = {
  resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
};

const clientConfig = () => ({
  endpoint: local.wire.url,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
  maxAttempts: 1,
});

/** The name of a new database that has the clients' tables. */
async function databaseWithTables(): Promise<string> {
  const { name } = await local.freshDatabase();
  for (const statement of clientTablesSql) await local.query(name, statement);
  return name;
}

const ada = "c0ffee00-0000-4000-8000-000000000001";
const profile = { name: "Ada", nested: { list: [1, 2] } };

describe("Drizzle's aws-data-api driver", () => {
  const open = async () => {
    const database = await databaseWithTables();
    return drizzle(new RDSDataClient(clientConfig()), { database, ...link });
  };

  test("gives back every type as it was inserted", async () => {
    const db = await open();
    const given = {
      id: ada,
      email: "ada@example.com",
      profile,
      joinedAt: new Date("2026-01-02T03:04:05.678Z"),
      seenAt: "2026-01-02 03:04:05.678",
      tags: ["a b", 'quo"te', "back\\slash", "com,ma", ""],
      scores: [1, -2],
      balance: "10.50",
    };
    expect(await db.insert(members).values(given).returning()).toEqual([given]);
    expect(await db.select().from(members).where(eq(members.id, ada))).toEqual([given]);
  });

  test("leaves what is not given to the database", async () => {
    const db = await open();
    const inserted = await db.insert(members).values({ email: "a@example.com", profile }).returning();
    expect(inserted).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        email: "a@example.com",
        profile,
        joinedAt: new Date("2026-01-02T03:04:05.678Z"),
        seenAt: null,
        tags: [],
        scores: null,
        balance: "0.00",
      },
    ]);
  });

  test("updates, upserts, joins, aggregates and deletes", async () => {
    const db = await open();
    await db.insert(members).values([
      { id: ada, email: "ada@example.com", profile },
      { email: "bob@example.com", profile: { name: "Bob" } },
    ]);
    const updated = await db
      .update(members)
      .set({ tags: ["x"], balance: "7.25" })
      .where(eq(members.id, ada))
      .returning();
    expect(updated).toMatchObject([{ tags: ["x"], balance: "7.25" }]);
    await db
      .insert(members)
      .values({ email: "bob@example.com", profile: { name: "Robert" } })
      .onConflictDoUpdate({ target: members.email, set: { profile: { name: "Robert" } } });
    const names = db.select({ name: sql<string>`${members.profile} ->> 'name'` }).from(members);
    expect(await names.orderBy(asc(members.email))).toEqual([{ name: "Ada" }, { name: "Robert" }]);

    await db.insert(visits).values([3, 4].map((pages) => ({ memberId: ada, pages })));
    const joined = db.select({ email: members.email, visits: count(visits.id) }).from(members);
    expect(
      await joined.leftJoin(visits, eq(visits.memberId, members.id)).groupBy(members.id).orderBy(members.email),
    ).toEqual([
      { email: "ada@example.com", visits: 2 },
      { email: "bob@example.com", visits: 0 },
    ]);
    expect(await db.delete(visits).where(inArray(visits.pages, [3, 9]))).toMatchObject({ numberOfRecordsUpdated: 1 });
    expect(await db.delete(visits).returning({ pages: visits.pages })).toEqual([{ pages: 4 }]);
  });

  test("names the columns of a statement written by hand", async () => {
    const db = await open();
    const { rows } = await db.execute(sql`select ${"a:b"}::text as "one", 2::int8 as two, ':three' as three`);
    expect(rows).toEqual([{ one: "a:b", two: 2, three: ":three" }]);
  });

  test("commits a transaction, and a nested one that fails alone", async () => {
    const db = await open();
    await db.transaction(async (tx) => {
      await tx.insert(members).values({ id: ada, email: "ada@example.com", profile });
      const nested = tx.transaction(async (inner) => {
        await inner.insert(visits).values({ memberId: ada, pages: 1 });
        throw new Error("not this");
      });
      await expect(nested).rejects.toThrow("not this");
      await tx.insert(visits).values({ memberId: ada, pages: 2 });
    });
    expect(await db.select({ pages: visits.pages }).from(visits)).toEqual([{ pages: 2 }]);
  });

  test("rolls a transaction back, also one whose statement failed", async () => {
    const db = await open();
    const left = db.transaction(async (tx) => {
      await tx.insert(members).values({ id: ada, email: "ada@example.com", profile });
      expect(await tx.select().from(members)).toHaveLength(1);
      tx.rollback();
    });
    await expect(left).rejects.toThrow("Rollback");
    const failed = db.transaction(async (tx) => {
      await tx.insert(members).values({ id: ada, email: "ada@example.com", profile });
      await tx.insert(visits).values({ memberId: "c0ffee00-0000-4000-8000-00000000ffff", pages: 1 });
    });
    await expect(failed).rejects.toMatchObject({ cause: { message: expect.stringMatching(/SQLState: 23503$/) } });
    expect(await db.select().from(members)).toEqual([]);
  });

  test("hears of a duplicate key in Aurora's words", async () => {
    const db = await open();
    await db.insert(members).values({ email: "ada@example.com", profile });
    await expect(db.insert(members).values({ email: "ada@example.com", profile })).rejects.toMatchObject({
      cause: {
        name: "DatabaseErrorException",
        message:
          'ERROR: duplicate key value violates unique constraint "members_email_key"; ' +
          "Detail: Key (email)=(ada@example.com) already exists.; SQLState: 23505",
      },
    });
  });

  test("hears that a string is no uuid, as on Aurora, when the statement does not say so", async () => {
    const db = await open();
    const run = db.execute(sql`select 1 from members where id = ${ada}`);
    await expect(run).rejects.toMatchObject({
      cause: { message: expect.stringContaining("ERROR: operator does not exist: uuid = text; Hint: ") },
    });
  });
});

describe("Kysely with kysely-data-api", () => {
  const open = async () => {
    const database = await databaseWithTables();
    const client = new RDSData(clientConfig());
    return new Kysely<KyselyTables>({
      dialect: new DataApiDialect({ mode: "postgres", driver: { client, database, ...link } }),
    });
  };
  const json = JSON.stringify(profile);
  const jsonValue = kyselySql<string>`${json}::jsonb`;
  const uuidValue = kyselySql<string>`${ada}::uuid`;

  test("inserts, selects, updates and deletes", async () => {
    const db = await open();
    const seen = kyselySql<Date>`${"2026-01-02 03:04:05.678+02"}::timestamptz`;
    const given = { id: uuidValue, email: "ada@example.com", profile: jsonValue, seen_at: seen };
    const tags = kyselySql<string[]>`array[${"a b"}, ${'"'}]`;
    const inserted = await db
      .insertInto("members")
      .values({ ...given, tags })
      .returningAll()
      .executeTakeFirst();
    expect(inserted).toEqual({
      id: ada,
      email: "ada@example.com",
      profile,
      joined_at: new Date("2026-01-02 03:04:05.678"),
      seen_at: new Date("2026-01-02T01:04:05.678Z"),
      tags: ["a b", '"'],
      scores: null,
      balance: "0.00",
    });
    const update = db.updateTable("members").set({ email: "a@example.com" }).where("email", "=", "ada@example.com");
    expect((await update.executeTakeFirst()).numUpdatedRows).toBe(1n);
    expect(await db.selectFrom("members").select(["email", "balance"]).execute()).toEqual([
      { email: "a@example.com", balance: "0.00" },
    ]);
    expect((await db.deleteFrom("members").executeTakeFirst()).numDeletedRows).toBe(1n);
  });

  test("commits and rolls back transactions", async () => {
    const db = await open();
    await db.transaction().execute(async (trx) => {
      await trx.insertInto("members").values({ id: uuidValue, email: "a@example.com", profile: jsonValue }).execute();
      await trx.insertInto("visits").values({ member_id: uuidValue, pages: 2 }).execute();
    });
    const failing = db.transaction().execute(async (trx) => {
      await trx.updateTable("visits").set({ pages: 9 }).execute();
      throw new Error("not this");
    });
    await expect(failing).rejects.toThrow("not this");
    expect(await db.selectFrom("visits").select("pages").execute()).toEqual([{ pages: 2 }]);
  });

  test("hears of a duplicate key in Aurora's words", async () => {
    const db = await open();
    const insert = () => db.insertInto("members").values({ email: "a@example.com", profile: jsonValue }).execute();
    await insert();
    await expect(insert()).rejects.toMatchObject({
      name: "DatabaseErrorException",
      message: expect.stringMatching(/^ERROR: duplicate key value violates .*; Detail: Key .*; SQLState: 23505$/),
    });
  });

  test("reads the tables of the database", async () => {
    const db = await open();
    const tables = await db.introspection.getTables();
    expect(tables.map((table) => table.name)).toEqual(["members", "visits"]);
    expect(tables[0]?.columns.find((column) => column.name === "id")).toMatchObject({
      dataType: "uuid",
      isNullable: false,
    });
  });
});
