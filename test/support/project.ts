import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The root of this repository. */
export const repositoryRoot = resolve(import.meta.dirname, "../..");

/** A project of its own in a temporary folder: this repository's packages, to be changed at will. */
export interface Project {
  readonly root: string;
  /** Writes a file of the project, by its path from the root. */
  write(file: string, text: string): Promise<void>;
  /** Brings every file that was written back to what it was; those that were not there go away. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** Copies the repository's packages into a temporary folder whose own `@tendril/…` packages are the copies. */
export async function copyProject(): Promise<Project> {
  const root = await mkdtemp(join(tmpdir(), "tendril-project-"));
  await cp(join(repositoryRoot, "packages"), join(root, "packages"), { recursive: true });
  for (const file of ["package.json", "tsconfig.base.json"]) await cp(join(repositoryRoot, file), join(root, file));
  await linkModules(root);
  const originals = new Map<string, string | undefined>();
  return {
    root,
    async write(file, text) {
      if (!originals.has(file)) originals.set(file, await readFile(join(root, file), "utf8").catch(() => undefined));
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), text);
    },
    async restore() {
      for (const [file, text] of originals) {
        if (text === undefined) await rm(join(root, file));
        else await writeFile(join(root, file), text);
      }
      originals.clear();
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function linkModules(root: string): Promise<void> {
  const installed = join(repositoryRoot, "node_modules");
  await mkdir(join(root, "node_modules", "@tendril"), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== "@tendril") await symlink(join(installed, name), join(root, "node_modules", name));
  }
  for (const room of await readdir(join(root, "packages"))) {
    await symlink(join(root, "packages", room), join(root, "node_modules", "@tendril", room));
  }
}
