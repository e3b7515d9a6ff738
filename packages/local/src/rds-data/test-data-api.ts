import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  BatchExecuteStatementCommand,
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  type ExecuteStatementCommandInput,
  type Field,
  RDSDataClient,
  RollbackTransactionCommand,
  type SqlParameter,
} from "@aws-sdk/client-rds-data";
import { afterAll, beforeAll } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { type Postgres, startPostgres } from "../postgres/postgres.ts";
import { listen, type WireServer } from "../wire/server.ts";
import { type DataApi, type DataApiOptions, openDataApi } from "./service.ts";

/** The Data API over a Postgres of its own, called with the SDK's client, as the tests of one file use it. */
export interface TestDataApi {
  readonly clock: VirtualClock;
  postgres(): Postgres;
  client(): RDSDataClient;
  execute(sql: string, options?: Partial<ExecuteStatementCommandInput>): Promise<Executed>;
  /** The first value of the first row. */
  value(sql: string, options?: Partial<ExecuteStatementCommandInput>): Promise<Field | undefined>;
  batch(sql: string, parameterSets: SqlParameter[][], transactionId?: string): Promise<number>;
  begin(): Promise<string>;
  commit(transactionId: string): Promise<string | undefined>;
  rollback(transactionId: string): Promise<string | undefined>;
}

type Executed = Omit<Awaited<ReturnType<typeof send>>, "$metadata">;

const send = (client: RDSDataClient, input: ExecuteStatementCommandInput) =>
  client.send(new ExecuteStatementCommand(input));

/** What every call must give, and nothing looks at. */
export const arns = {
  resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:tendril",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:tendril",
};

/** Starts it before the tests of the calling file, and stops it after them. The SDK does not retry. */
export function startTestDataApi(options: Partial<DataApiOptions> = {}): TestDataApi {
  const clock = virtualClock(Date.UTC(2026, 0, 1));
  const dir = mkdtempSync(path.join(os.tmpdir(), "tendril-data-api-"));
  let running: { postgres: Postgres; api: DataApi; server: WireServer; client: RDSDataClient } | undefined;

  beforeAll(async () => {
    const postgres = await startPostgres({ dir, port: 0, durable: false, log: () => {} });
    const api = openDataApi({ clock, databaseUrl: postgres.url, ...options });
    const server = await listen([api.service], { port: 0 });
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    const client = new RDSDataClient({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 });
    running = { postgres, api, server, client };
  });

  afterAll(async () => {
    running?.client.destroy();
    await running?.server.close();
    await running?.api.close();
    await running?.postgres.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const started = () => {
    if (!running) throw new Error("The Data API has not been started.");
    return running;
  };
  const execute: TestDataApi["execute"] = async (sql, more = {}) => {
    const { $metadata: _, ...output } = await send(started().client, { ...arns, sql, ...more });
    return output;
  };
  return {
    clock,
    postgres: () => started().postgres,
    client: () => started().client,
    execute,
    value: async (sql, more) => (await execute(sql, more)).records?.[0]?.[0],
    async batch(sql, parameterSets, transactionId) {
      const command = new BatchExecuteStatementCommand({ ...arns, sql, parameterSets, transactionId });
      return (await started().client.send(command)).updateResults?.length ?? 0;
    },
    async begin() {
      return (await started().client.send(new BeginTransactionCommand(arns))).transactionId ?? "";
    },
    async commit(transactionId) {
      const command = new CommitTransactionCommand({ ...arns, transactionId });
      return (await started().client.send(command)).transactionStatus;
    },
    async rollback(transactionId) {
      const command = new RollbackTransactionCommand({ ...arns, transactionId });
      return (await started().client.send(command)).transactionStatus;
    },
  };
}

/** A string parameter. */
export const text = (name: string, stringValue: string): SqlParameter => ({ name, value: { stringValue } });

/** A number parameter. */
export const long = (name: string, longValue: number): SqlParameter => ({ name, value: { longValue } });
