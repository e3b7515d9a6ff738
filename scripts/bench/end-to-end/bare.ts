// What the Data API itself takes: begin, insert, commit through the SDK, ten at the same time, without a queue or a ledger.
// node bare.ts ENDPOINT DATABASE; each line it is told is "RUN COUNT", and it answers when that is done. Ends with its parent.
import { createInterface } from "node:readline";
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RDSDataClient,
} from "@aws-sdk/client-rds-data";

const [endpoint = "", database = ""] = process.argv.slice(2);
const atOnce = 10;
const credentials = { accessKeyId: "local", secretAccessKey: "local" };
const sockets = { maxSockets: 2 * atOnce };
const client = new RDSDataClient({
  endpoint,
  region: "us-east-1",
  credentials,
  requestHandler: { httpAgent: sockets, httpsAgent: sockets },
});
const place = { resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:tendril", secretArn: "arn:local" };
const sql = "insert into effects (run, sent_ms) values (:run, 0)";

async function insertOnce(run: string): Promise<void> {
  const { transactionId } = await client.send(new BeginTransactionCommand({ ...place, database }));
  const parameters = [{ name: "run", value: { stringValue: run } }];
  await client.send(new ExecuteStatementCommand({ ...place, database, transactionId, sql, parameters }));
  await client.send(new CommitTransactionCommand({ ...place, transactionId }));
}

console.log(JSON.stringify({}));
for await (const line of createInterface(process.stdin)) {
  const [run = "", count = "0"] = line.split(" ");
  const left = Array.from({ length: Number(count) }).keys();
  const insertSome = async (): Promise<void> => {
    for (const _ of left) await insertOnce(run);
  };
  await Promise.all(Array.from({ length: atOnce }, insertSome));
  console.log(JSON.stringify({}));
}
process.exit();
