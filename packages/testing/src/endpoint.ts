import type { DatabaseLink } from "@tendril/core/link";

/** The region and the account that the test tier's AWS says it is. */
export const region = "us-east-1";
export const accountId = "000000000000";

/** Settings of an SDK client; nothing checks a signature. */
export interface ClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** How SDK clients find the endpoints at `url`. */
export const clientConfig = (url: string): ClientConfig => ({
  endpoint: url,
  region,
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
});

/** The link of a database by its name on the server. */
export const databaseLink = (name: string): DatabaseLink => ({
  clusterArn: `arn:aws:rds:${region}:${accountId}:cluster:tendril`,
  secretArn: `arn:aws:secretsmanager:${region}:${accountId}:secret:tendril`,
  database: name,
});
