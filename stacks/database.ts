/** Aurora PostgreSQL 17, Serverless v2, spoken to over the RDS Data API. */
import { databaseLinkName } from "@tendril/core/link";
import { vpc } from "./network.ts";
import { plan } from "./plan.ts";
import { outlives, production } from "./stage.ts";

// SST retains the cluster; without its secret nobody could log in.
$transform(aws.secretsmanager.Secret, (_args, options) => void Object.assign(options, outlives));
$transform(aws.secretsmanager.SecretVersion, (_args, options) => void Object.assign(options, outlives));

/** The cluster. At 0 ACU it sleeps after five minutes without work and takes about 15 seconds to wake. */
export const aurora = new sst.aws.Aurora("Postgres", {
  engine: "postgres",
  version: "17",
  vpc,
  dataApi: true,
  database: plan.name.replaceAll("-", "_"),
  scaling: { min: production ? "0.5 ACU" : "0 ACU", max: "4 ACU" },
  transform: {
    cluster(args, options) {
      if (!production) return undefined;
      Object.assign(options, outlives);
      args.deletionProtection = true;
      args.backupRetentionPeriod = 7;
      args.skipFinalSnapshot = false;
      args.finalSnapshotIdentifier = `${$app.name}-${$app.stage}-final`;
      args.copyTagsToSnapshot = true;
      args.enabledCloudwatchLogsExports = ["postgresql"];
      return undefined;
    },
  },
});

/** What a function needs for the Data API, and no more: linking the cluster itself would hand it the password. */
export const database = new sst.Linkable(databaseLinkName, {
  properties: { clusterArn: aurora.clusterArn, secretArn: aurora.secretArn, database: aurora.database },
  include: [
    sst.aws.permission({ actions: ["secretsmanager:GetSecretValue"], resources: [aurora.secretArn] }),
    sst.aws.permission({
      actions: [
        "rds-data:BatchExecuteStatement",
        "rds-data:BeginTransaction",
        "rds-data:CommitTransaction",
        "rds-data:ExecuteStatement",
        "rds-data:RollbackTransaction",
      ],
      resources: [aurora.clusterArn],
    }),
  ],
});
