import { resolve } from "node:path";
import { wordDuration } from "@tendril/core/duration";
import { type AwsEndpoints, localAccountId, localRegion, startAwsEndpoints } from "@tendril/local/aws-endpoints";
import { systemClock } from "@tendril/local/clock";
import { openStateFolder } from "@tendril/local/state-folder";
import type { AwsOptions } from "./aws-command.ts";
import { chaosOf } from "./chaos.ts";
import { paint } from "./paint.ts";
import { stopSignal } from "./stop-signal.ts";

/** `tendril aws`: runs the local AWS alone until it is told to stop. Errors: what cannot be started, and why. */
export async function aws(options: AwsOptions): Promise<void> {
  const startedMs = Date.now();
  const stateDir = resolve(options.stateDir);
  const folder = await openStateFolder(stateDir, { fresh: options.fresh });
  try {
    const database = options.databaseUrl === undefined ? "starting PostgreSQL" : "asking for PostgreSQL";
    console.log(paint("dim", `· ${database} and the AWS endpoints …`));
    const endpoints = await startAwsEndpoints({
      clock: systemClock(),
      stateDir,
      port: options.ports.aws,
      portFlag: "--port",
      postgresPort: options.ports.postgres,
      ...chaosOf(options.chaosSeed),
      ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
    });
    console.log(readyText(endpoints, stateDir, Date.now() - startedMs));
    const reason = await Promise.race([stopSignal(), databaseEnd(endpoints)]);
    console.log(`\n${reason}: stopping (Ctrl-C again: at once) …`);
    await endpoints.close();
    console.log("stopped");
    if (reason.startsWith("PostgreSQL")) process.exitCode = 1;
  } finally {
    await folder.release();
  }
}

function databaseEnd({ postgres }: AwsEndpoints): Promise<string> {
  return new Promise((settle) => {
    void postgres.exited.then((end) => end.kind === "died" && settle(`PostgreSQL has ended: ${end.reason}`));
  });
}

/** What runs where, and what a shell needs to use it: lines to paste. */
function readyText({ url, postgres, clientConfig }: AwsEndpoints, stateDir: string, tookMs: number): string {
  const database = new URL(postgres.url);
  const shown = new URL(postgres.url);
  if (shown.password !== "") shown.password = "…";
  const { accessKeyId, secretAccessKey } = clientConfig.credentials;
  return [
    "",
    `${paint("bold", "The local AWS is running")} ${paint("dim", `(ready in ${wordDuration(tookMs)}; Ctrl-C stops it)`)}`,
    "",
    `  SQS           ${url}`,
    `  S3            ${url}`,
    `  RDS Data API  ${url}`,
    `  Scheduler     ${url}`,
    `  database      ${decodeURI(shown.href)}`,
    `  state         ${stateDir}`,
    "",
    "  For the AWS SDKs and the aws command:",
    ...["SQS", "S3", "RDS_DATA", "SCHEDULER"].map((service) => `  export AWS_ENDPOINT_URL_${service}=${url}`),
    `  export AWS_REGION=${localRegion} AWS_DEFAULT_REGION=${localRegion}`,
    `  export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
    "",
    "  For Data API clients, which must name a cluster and a secret (any will do):",
    `  export CLUSTER_ARN=arn:aws:rds:${localRegion}:${localAccountId}:cluster:local`,
    `  export SECRET_ARN=arn:aws:secretsmanager:${localRegion}:${localAccountId}:secret:local`,
    `  export DATABASE=${decodeURIComponent(database.pathname.slice(1)) || database.username || "postgres"}`,
    "",
  ].join("\n");
}
