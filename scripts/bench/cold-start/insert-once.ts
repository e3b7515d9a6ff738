import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  type RDSDataClient,
} from "@aws-sdk/client-rds-data";
import { databaseLink } from "./database-link.ts";

/** A claim and an insert in one transaction, as anyone would write them; false when the job was done before. */
export async function insertOnce(client: RDSDataClient, id: string, text: string): Promise<boolean> {
  const { transactionId } = await client.send(new BeginTransactionCommand(databaseLink));
  const run = (sql: string, name: string, stringValue: string) =>
    client.send(
      new ExecuteStatementCommand({
        ...databaseLink,
        transactionId,
        sql,
        parameters: [{ name, value: { stringValue } }],
      }),
    );
  const claimed = await run("insert into bench_claims (id) values (:id) on conflict do nothing", "id", id);
  const isNew = claimed.numberOfRecordsUpdated === 1;
  if (isNew) await run("insert into job_server_data (data) values (:data)", "data", text);
  await client.send(
    new CommitTransactionCommand({
      resourceArn: databaseLink.resourceArn,
      secretArn: databaseLink.secretArn,
      transactionId,
    }),
  );
  return isNew;
}
