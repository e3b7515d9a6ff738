// Runs the ledger's tests (test/ledger*.test.ts, migrations, rds-data-join) on a real Aurora with the Data API, in your AWS
// account. Without the variables below it reaches nothing, prints what is needed, and exits with 1.
// node scripts/real-account.ts
// Tried on the local Data API only, with AWS_ENDPOINT_URL_RDS_DATA at `tendril aws`; it has not been run against AWS itself.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { ExecuteStatementCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
import { createCaller } from "@tendril/ledger/call";
import { type AccountDatabase, readAccountDatabase } from "../test/support/account-database.ts";

const needed = `The ledger's tests run on a real Aurora with these variables:

  export TENDRIL_AWS_CLUSTER_ARN=arn:aws:rds:REGION:ACCOUNT:cluster:NAME
  export TENDRIL_AWS_SECRET_ARN=arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
  and AWS credentials, in any way that the SDK finds them (AWS_PROFILE, AWS_ACCESS_KEY_ID …)
  node scripts/real-account.ts

What is needed there
  · Aurora Serverless v2, PostgreSQL 15 or later, with the Data API (EnableHttpEndpoint) and a database named postgres.
    Better one that holds nothing else: the tests load it, and read pg_locks of the whole cluster.
  · A secret of a user that may create databases, e.g. the one that RDS keeps for the master user.
  · An identity with
      rds-data:ExecuteStatement, BatchExecuteStatement, BeginTransaction, CommitTransaction, RollbackTransaction   on the cluster
      secretsmanager:GetSecretValue   on the secret

What it does there
  · It makes databases named test_…, one or more for each test file, and drops them at the end. A run that is killed leaves
    its own: \`select datname from pg_database where datname like 'test\\_%'\` finds them.
  · It touches no other database, and nothing else of the account: no queue, no function.

What it costs
  · The Data API: about 2,300 calls a run, less than one cent at $0.35 a million.
  · Aurora: what the cluster takes while the tests run and until it sleeps again, e.g. 2 ACU for half an hour at $0.12 an
    ACU-hour: 12 cents. A run took under two minutes on a local Data API; each call of AWS's takes longer.

It has been tried on the local AWS only, never on AWS itself: tell us what you find. To try it without an account, let the
SDK's own variable lead to the local AWS (\`tendril aws\` prints it):
  export AWS_ENDPOINT_URL_RDS_DATA=http://127.0.0.1:PORT`;

const root = resolve(import.meta.dirname, "..");
const testFiles = readdirSync(join(root, "test"))
  .filter((name) => /^(ledger.*|migrations|rds-data-join)\.test\.ts$/.test(name))
  .map((name) => `test/${name}`);

process.exitCode = await main();

async function main(): Promise<number> {
  const account = accountOrWhy();
  if (typeof account === "string") {
    console.error(account);
    return 1;
  }
  const endpoint = process.env.AWS_ENDPOINT_URL_RDS_DATA ?? process.env.AWS_ENDPOINT_URL;
  console.log(`cluster: ${account.clusterArn}`);
  console.log(endpoint ? `endpoint: ${endpoint}, as the environment says: not AWS's own` : "endpoint: AWS's own");
  const why = await whyUnfit(account);
  if (why !== undefined) {
    console.error(`${why}\n\n${needed}`);
    return 1;
  }
  console.log(`${testFiles.length} files: ${testFiles.join(", ")}\n`);
  return runTests();
}

function accountOrWhy(): AccountDatabase | string {
  try {
    return readAccountDatabase() ?? needed;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${needed}`;
  }
}

/** Why the tests could not run there. It waits for an Aurora that sleeps. */
async function whyUnfit({ clusterArn, secretArn, region }: AccountDatabase): Promise<string | undefined> {
  const client = new RDSDataClient({ region });
  const command = new ExecuteStatementCommand({
    resourceArn: clusterArn,
    secretArn,
    database: "postgres",
    sql: `select version(), rolsuper or rolcreatedb from pg_roles where rolname = current_user`,
  });
  try {
    const { records = [] } = await createCaller()(() => client.send(command), { repeatable: true });
    const [version, mayCreate] = records[0] ?? [];
    console.log(`database: ${version?.stringValue}`);
    return mayCreate?.booleanValue ? undefined : "The secret's user may not create databases.";
  } catch (error) {
    return `The Data API does not answer: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
  } finally {
    client.destroy();
  }
}

/** The exit code of vitest. Times are long, because each call goes to AWS and back. */
async function runTests(): Promise<number> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const words = ["run", "--testTimeout", "600000", "--hookTimeout", "600000", "--reporter", "verbose", ...testFiles];
  const child = spawn(process.execPath, [vitest, ...words], { cwd: root, stdio: "inherit" });
  const [code] = await once(child, "close");
  return typeof code === "number" ? code : 1;
}
