// Type-checks every room on its own, so that each is held to its own lib and types; two at a time.
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { preparePlatform } from "../test/support/stacks/platform.ts";

await preparePlatform(process.cwd());

const projects = readdirSync("packages")
  .map((room) => `packages/${room}/tsconfig.json`)
  .concat("test/tsconfig.json", "tsconfig.json")
  .filter((project) => existsSync(project));

let failed = 0;
const waiting = [...projects];
await Promise.all(
  [1, 2].map(async () => {
    for (let project = waiting.shift(); project; project = waiting.shift()) {
      await promisify(execFile)("tsc", ["-p", project]).catch((error: { stdout: string }) => {
        failed += 1;
        console.error(`${project}\n${error.stdout}`);
      });
    }
  }),
);
console.log(failed === 0 ? `types: ${projects.length} projects, no errors` : `types: ${failed} projects with errors`);
process.exitCode = failed === 0 ? 0 : 1;
