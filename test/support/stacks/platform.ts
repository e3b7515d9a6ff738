/** SST's platform: the sources of its components with Pulumi, in `.sst/`, which `sst install` gets from the npm registry. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const installLimitMs = 170_000;

/** Installs the platform when it is missing or of another version than the project's `sst`; it takes about a minute, three at most. */
export async function preparePlatform(root: string): Promise<void> {
  const wanted = sstVersion(root);
  const found = installedVersion(root);
  if (found === wanted) return;
  console.log(`.sst/platform: ${found ?? "nothing"} found, ${wanted} wanted: running sst install (about a minute) …`);
  await install(root);
  if (installedVersion(root) !== wanted) throw new Error("sst install ended well and left no platform");
}

function sstVersion(root: string): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(root, "node_modules/sst/package.json"), "utf8"));
  return manifest.version;
}

/** The version of a whole platform: the lock is the last file that `sst install` writes. */
function installedVersion(root: string): string | undefined {
  const version = join(root, ".sst/platform/version");
  const whole = [version, join(root, ".sst/provider-lock.json"), join(root, ".sst/platform/node_modules/@pulumi/aws")];
  return whole.every((path) => existsSync(path)) ? readFileSync(version, "utf8").trim() : undefined;
}

function install(root: string): Promise<void> {
  const child = spawn(join(root, "node_modules/.bin/sst"), ["install", "--stage", "ci"], {
    cwd: root,
    detached: true, // a group of its own, to be ended with the npm that it starts
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env.PATH}`,
      SST_SKIP_DEPENDENCY_CHECK: "1", // neither pulumi nor bun are needed
      SST_NO_BUN: "1",
      SST_TELEMETRY_DISABLED: "1",
    },
  });
  const end = (): void => void (child.pid !== undefined && process.kill(-child.pid));
  const limit = setTimeout(end, installLimitMs);
  process.once("exit", end);
  return new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0
        ? resolve()
        : reject(new Error(`sst install ended with ${code ?? signal}: is the npm registry there?`)),
    );
  }).finally(() => {
    clearTimeout(limit);
    process.off("exit", end);
  });
}
