import type { ExecuteStatementCommandOutput, ResultSetOptions, SqlParameter } from "@aws-sdk/client-rds-data";
import pg from "pg";
import type { Clock } from "../clock.ts";
import { type BoundParameters, bindParameters } from "./bound-parameters.ts";
import { columnMetadata } from "./column-metadata.ts";
import type { Connection, Connections } from "./connections.ts";
import { badRequest, timedOut, toAwsError } from "./errors.ts";
import { toField } from "./fields.ts";
import { formatRecords } from "./formatted-records.ts";
import { type CompiledSql, callerPosition, compileSql } from "./named-parameters.ts";
import { type RunResult, runPipeline } from "./pipeline.ts";
import { changesSession } from "./session-state.ts";
import type { Transactions } from "./transactions.ts";

/** What a statement is run on. */
export interface StatementRunner {
  readonly clock: Clock;
  readonly connections: Connections;
  readonly transactions: Transactions;
  readonly statementTimeoutMs: number;
}

interface Target {
  readonly sql: string;
  readonly database?: string | undefined;
  readonly transactionId?: string | undefined;
}

/** One call of ExecuteStatement. */
export interface Statement extends Target {
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly includeResultMetadata?: boolean | undefined;
  readonly continueAfterTimeout?: boolean | undefined;
  readonly resultSetOptions?: ResultSetOptions | undefined;
  readonly formatRecordsAs?: string | undefined;
}

export type StatementOutput = Omit<ExecuteStatementCommandOutput, "$metadata">;

/** Runs one statement, in the given transaction or in one of its own. */
export async function executeStatement(runner: StatementRunner, statement: Statement): Promise<StatementOutput> {
  const compiled = compile(statement.sql);
  const bound = bindParameters(compiled.names, statement.parameters ?? []);
  const run = onConnection(runner, statement, async (connection) => {
    const runOnce = () => runSets(runner, connection, statement.sql, compiled, [bound]);
    const [result] = await (statement.continueAfterTimeout ? withoutTimeout(runner, connection, runOnce) : runOnce());
    return result === undefined ? {} : await describe(connection, statement, result);
  });
  return statement.continueAfterTimeout ? withTimeout(runner, run) : run;
}

/** Runs one statement for each set of parameters, all or nothing unless a transaction is given. */
export async function executeBatch(
  runner: StatementRunner,
  batch: Target,
  parameterSets: readonly (readonly SqlParameter[])[],
): Promise<number> {
  const compiled = compile(batch.sql);
  const sets = parameterSets.map((parameters) => bindParameters(compiled.names, parameters));
  if (sets.length === 0) sets.push(bindParameters(compiled.names, []));
  const results = await onConnection(runner, batch, (connection) =>
    runSets(runner, connection, batch.sql, compiled, sets),
  );
  return results.length;
}

function compile(sql: string): CompiledSql {
  if (sql.includes("\0")) throw badRequest("The SQL statement must not contain a null character.");
  const compiled = compileSql(sql);
  if (compiled.names.length > 65_535) throw badRequest("A statement has at most 65535 parameters.");
  return compiled;
}

async function onConnection<T>(
  { connections, transactions }: StatementRunner,
  { transactionId, database }: Target,
  run: (connection: Connection) => Promise<T>,
): Promise<T> {
  if (transactionId !== undefined) return transactions.use(transactionId, database, run);
  const connection = await connections.take(database);
  try {
    return await run(connection);
  } finally {
    connection.release();
  }
}

async function runSets(
  { statementTimeoutMs }: StatementRunner,
  connection: Connection,
  sql: string,
  compiled: CompiledSql,
  sets: readonly BoundParameters[],
): Promise<RunResult[]> {
  const startedMs = performance.now();
  try {
    const begins = connection.owesBegin;
    connection.owesBegin = false;
    const results = await runPipeline(connection.client, compiled.text, sets, begins);
    const command = results[0]?.command ?? "";
    connection.database.origins.ran(command);
    if (changesSession(sql, command)) connection.spoil();
    return results;
  } catch (error) {
    const isCancelled = error instanceof pg.DatabaseError && error.code === "57014";
    if (isCancelled && performance.now() - startedMs >= statementTimeoutMs) throw timedOut();
    throw toAwsError(error, (position) => callerPosition(sql, compiled, position));
  }
}

const writes = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

async function describe(connection: Connection, statement: Statement, result: RunResult): Promise<StatementOutput> {
  const { columns, rows, command, rowCount } = result;
  if (columns.length === 0) return { generatedFields: [], numberOfRecordsUpdated: writes.has(command) ? rowCount : 0 };
  const { client, database } = connection;
  const types = await database.types.of(client, columns);
  const options = statement.resultSetOptions;
  if (statement.formatRecordsAs === "JSON")
    return { numberOfRecordsUpdated: 0, formattedRecords: formatRecords(result, types, options) };
  const records = rows.map((row) => types.map((type, index) => toField(row[index] ?? null, type, options)));
  if (!statement.includeResultMetadata) return { numberOfRecordsUpdated: 0, records };
  const origins = await database.origins.of(client, columns);
  const metadata = types.flatMap((type, index) => {
    const column = columns[index];
    return column ? [columnMetadata(column, type, origins[index])] : [];
  });
  return { numberOfRecordsUpdated: 0, records, columnMetadata: metadata };
}

/**
 * For `continueAfterTimeout`: Postgres must not cancel the statement, though the caller is told that time is up. The
 * next statement of the transaction has its timeout again, and a timeout that the caller has set stays.
 */
async function withoutTimeout<T>(
  { statementTimeoutMs }: StatementRunner,
  { client, spoil }: Connection,
  run: () => Promise<T>,
): Promise<T> {
  const replaceTimeout = async (beforeMs: number, afterMs: number): Promise<void> => {
    const sql = "select set_config($1, $2, false) from pg_settings where name = $1 and setting = $3";
    if (client.getTransactionStatus() !== "E")
      await client.query(sql, ["statement_timeout", String(afterMs), String(beforeMs)]);
  };
  await replaceTimeout(statementTimeoutMs, 0).catch((error: unknown) => {
    throw toAwsError(error);
  });
  try {
    return await run();
  } finally {
    await replaceTimeout(0, statementTimeoutMs).catch(spoil);
  }
}

function withTimeout<T>({ clock, statementTimeoutMs }: StatementRunner, run: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.at(clock.now() + statementTimeoutMs, () => reject(timedOut()));
    run.then(resolve, reject).finally(() => timer.cancel());
  });
}
