import { integer, jsonb, numeric, pgTable, serial, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { Generated, JSONColumnType } from "kysely";

/** The tables that the clients are tested with. */
export const clientTablesSql = [
  `create table members (
    id uuid primary key default gen_random_uuid(), email text not null unique, profile jsonb not null,
    joined_at timestamp not null default '2026-01-02 03:04:05.678', seen_at timestamptz, tags text[] not null default '{}',
    scores int[], balance numeric(12, 2) not null default 0)`,
  "create table visits (id serial primary key, member_id uuid not null references members, pages int not null)",
];

/** What `members.profile` holds. */
export interface Profile {
  readonly name: string;
  readonly nested?: { readonly list: readonly number[] };
}

export const members = pgTable("members", {
  id: uuid("id").primaryKey().defaultRandom(),
  email: text("email").notNull().unique(),
  profile: jsonb("profile").$type<Profile>().notNull(),
  joinedAt: timestamp("joined_at").notNull().defaultNow(),
  seenAt: timestamp("seen_at", { withTimezone: true, mode: "string" }),
  tags: text("tags").array().notNull().default([]),
  scores: integer("scores").array(),
  balance: numeric("balance", { precision: 12, scale: 2 }).notNull().default("0"),
});

export const visits = pgTable("visits", {
  id: serial("id").primaryKey(),
  memberId: uuid("member_id").notNull(),
  pages: integer("pages").notNull(),
});

/** The same tables as Kysely has them. */
export interface KyselyTables {
  members: {
    id: Generated<string>;
    email: string;
    profile: JSONColumnType<Profile>;
    joined_at: Generated<Date>;
    seen_at: Date | null;
    tags: Generated<string[]>;
    scores: number[] | null;
    balance: Generated<string>;
  };
  visits: { id: Generated<number>; member_id: string; pages: number };
}
