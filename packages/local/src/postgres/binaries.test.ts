import { spawnSync } from "node:child_process";
import { cpSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binariesIn, copyBinaries, findBinaries } from "./binaries.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "tendril-binaries-"));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const versionOf = (nativeDir: string) =>
  spawnSync(path.join(nativeDir, "bin", "postgres"), ["--version"], { encoding: "utf8" });

test("the package's programs run, and its version is PostgreSQL's", () => {
  const binaries = findBinaries();
  expect(binaries.major).toBe("17");
  expect(versionOf(binaries.nativeDir).stdout).toMatch(/^postgres \(PostgreSQL\) 17\./);
});

test("the links that npm's --ignore-scripts leaves out are made", () => {
  const packageDir = path.join(dir, "package");
  cpSync(path.dirname(findBinaries().nativeDir), packageDir, { recursive: true, verbatimSymlinks: true });
  const libraries = path.join(packageDir, "native", "lib");
  for (const name of readdirSync(libraries)) {
    const file = path.join(libraries, name);
    if (lstatSync(file).isSymbolicLink()) rmSync(file);
  }
  expect(versionOf(path.join(packageDir, "native")).status).not.toBe(0);
  expect(versionOf(binariesIn(packageDir).nativeDir).status).toBe(0);
});

test("a copy runs, and is made once", () => {
  const copy = copyBinaries(findBinaries(), dir);
  expect(versionOf(copy.nativeDir).status).toBe(0);
  const { ino } = lstatSync(copy.nativeDir);
  expect(lstatSync(copyBinaries(findBinaries(), dir).nativeDir).ino).toBe(ino);
});
