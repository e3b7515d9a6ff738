import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  type ColumnMetadata,
  ExecuteStatementCommand,
  type Field,
  RDSDataClient,
  type SqlParameter,
} from "@aws-sdk/client-rds-data";
import { createCaller } from "@tendril/ledger/call";
import { createDatabase } from "@tendril/ledger/database";
import { answerOf, type Decision, type Fate, type PassingCall } from "./faulty-wire.ts";
import type { TestDatabase, Wire } from "./local-aws.ts";

/** An Aurora with the Data API, in somebody's AWS account. */
export interface AccountDatabase {
  readonly clusterArn: string;
  readonly secretArn: string;
  /** The cluster's, as its ARN says it. */
  readonly region: string;
}

/** The variables that send tests to a real account. Nothing sets them by default. */
export const accountVariables = ["TENDRIL_AWS_CLUSTER_ARN", "TENDRIL_AWS_SECRET_ARN"] as const;

/** The database that the environment names; undefined without one. Throws when it names half of one, or no ARN. */
export function readAccountDatabase(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): AccountDatabase | undefined {
  const [clusterArn, secretArn] = accountVariables.map((name) => environment[name] || undefined);
  if (clusterArn === undefined && secretArn === undefined) return undefined;
  const region = /^arn:[\w-]+:rds:([\w-]+):\d{12}:cluster:[\w-]+$/.exec(clusterArn ?? "")?.[1];
  if (clusterArn === undefined || region === undefined) {
    throw new Error("TENDRIL_AWS_CLUSTER_ARN must be arn:aws:rds:REGION:ACCOUNT:cluster:NAME.");
  }
  if (secretArn === undefined || !/^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:./.test(secretArn)) {
    throw new Error("TENDRIL_AWS_SECRET_ARN must be arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME.");
  }
  return { clusterArn, secretArn, region };
}

/** Makes databases named `test_…` beside those of the cluster, and drops them at the end. All of it is the Data API's. */
export function openAccountDatabase(account: AccountDatabase): TestDatabase {
  const wire = openClientWire();
  const clients: RDSDataClient[] = [];
  const openClient = (): RDSDataClient => {
    const client = new RDSDataClient({ region: account.region });
    clients.push(client);
    return client;
  };
  const query = accountQuery(openClient(), account);
  const { clusterArn, secretArn } = account;
  const openDatabase: TestDatabase["openDatabase"] = (name, options = {}) => {
    const client = openClient();
    wire.tap(client);
    return createDatabase({ client, link: { clusterArn, secretArn, database: name }, ...options });
  };
  const prefix = `test_${randomBytes(6).toString("hex")}`;
  const made: string[] = [];
  return {
    wire,
    openDatabase,
    query,
    async freshDatabase() {
      const name = `${prefix}_${made.length + 1}`;
      made.push(name);
      await query("postgres", `create database ${name}`);
      return { name, database: openDatabase(name) };
    },
    async close() {
      // By force: the Data API keeps connections for a while.
      for (const name of made) await query("postgres", `drop database if exists ${name} with (force)`);
      for (const client of clients) client.destroy();
    },
  };
}

/** Counts the calls of SDK clients and does to them, on this side of the network, what networks do. */
function openClientWire(): Wire & { tap(client: RDSDataClient): void } {
  const calls: PassingCall[] = [];
  let fateOf: Decision = () => "pass";
  return {
    calls,
    decide(decision) {
      fateOf = decision;
    },
    loseAnswerOf(fits) {
      let isLost = false;
      fateOf = (call) => {
        if (isLost || !fits(call)) return "pass";
        isLost = true;
        return "lose the answer";
      };
    },
    tap(client) {
      client.middlewareStack.add(
        (next) => async (args) => {
          const call = callOf(args.request);
          calls.push(call);
          const fate: Fate = await fateOf(call);
          if (fate === "lose the call") throw brokenConnection();
          if (typeof fate === "object") return { response: answerWith(fate) };
          const result = await next(args);
          if (fate === "lose the answer") throw brokenConnection();
          return result;
        },
        // Inside of everything else: of retries, and of what reads the answer.
        { name: "clientWire", step: "deserialize", priority: "low" },
      );
    },
  };
}

function callOf(request: unknown): PassingCall {
  if (typeof request !== "object" || request === null) throw new Error("A call without a request.");
  const [path, body] = [String(Reflect.get(request, "path")), Reflect.get(request, "body")];
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body ?? "");
  return { path, action: path.slice(1), body: text };
}

const brokenConnection = (): Error => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

const answerWith = (fate: Fate & object) => {
  const { status, headers, body } = answerOf(fate);
  return { statusCode: status, headers, body: Readable.from([Buffer.from(body)]) };
};

/** Runs statements as `pg` does: `$1` for the first value, rows with JavaScript's values for JSON and times. */
function accountQuery(client: RDSDataClient, account: AccountDatabase): TestDatabase["query"] {
  const call = createCaller();
  return async (database, sql, values = []) => {
    const command = new ExecuteStatementCommand({
      resourceArn: account.clusterArn,
      secretArn: account.secretArn,
      database,
      sql: sql.replaceAll(/\$(\d+)/g, ":v$1"),
      parameters: values.map((value, index) => parameterOf(`v${index + 1}`, value)),
      includeResultMetadata: true,
    });
    const { records = [], columnMetadata = [] } = await call(() => client.send(command), { repeatable: false });
    return records.map((fields) =>
      Object.fromEntries(columnMetadata.map((column, index) => [column.label ?? "", toValue(fields[index], column)])),
    );
  };
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function parameterOf(name: string, value: unknown): SqlParameter {
  if (value === null || value === undefined) return { name, value: { isNull: true } };
  if (typeof value === "boolean") return { name, value: { booleanValue: value } };
  if (typeof value === "number") {
    return { name, value: Number.isInteger(value) ? { longValue: value } : { doubleValue: value } };
  }
  const text = String(value);
  return { name, value: { stringValue: text }, ...(uuidPattern.test(text) ? { typeHint: "UUID" as const } : {}) };
}

function toValue(field: Field | undefined, { typeName = "" }: ColumnMetadata): unknown {
  if (field === undefined || field.isNull) return null;
  const value = field.stringValue ?? field.longValue ?? field.booleanValue ?? field.doubleValue;
  if (typeName === "timestamptz" || typeName === "timestamp") return new Date(`${String(value).replace(" ", "T")}Z`);
  if (typeName === "json" || typeName === "jsonb") return JSON.parse(String(value));
  return typeName === "int8" ? String(value) : value;
}
