/** Migrations run at deploy, before any worker's new code: when they have changed, or the database is another one. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { aurora, database } from "./database.ts";
import { planned } from "./functions.ts";
import { plan } from "./plan.ts";

/** Folders that the function reads, from its root. */
const folders = ["packages/ledger/migrations", "packages/jobs/migrations"];

const migrate = new sst.aws.Function("Migrate", {
  ...planned(plan.migrate),
  link: [database],
  copyFiles: folders.map((from) => ({ from })),
  dev: false, // a real one in `sst dev` too, so that it can be invoked
});

/** The run. An error in it ends the deployment; the next one tries again. */
export const migrations = new aws.lambda.Invocation(
  "Migrations",
  {
    functionName: migrate.name,
    input: "{}",
    triggers: { migrations: hashOf(folders), cluster: aurora.clusterArn },
  },
  { dependsOn: [aurora] }, // its instance too: the cluster alone answers nobody
);

function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const folder of paths) {
    for (const file of readdirSync(join($cli.paths.root, folder)).sort()) {
      hash
        .update(`${folder}/${file}\0`)
        .update(readFileSync(join($cli.paths.root, folder, file)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}
