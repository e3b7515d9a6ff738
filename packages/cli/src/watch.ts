import { watch } from "node:fs";
import { join } from "node:path";

/** Follows a project's source files. */
export interface Watcher {
  close(): void;
}

/**
 * Calls `onChange` with the files (paths from the root) that were saved below packages/, a tenth of a second after the
 * last of them: editors write more than once. Tests and installed packages do not count.
 */
export function watchSources(root: string, onChange: (files: readonly string[]) => void): Watcher {
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(join(root, "packages"), { recursive: true }, (_event, name) => {
    if (name === null || !isSource(name)) return;
    changed.add(join("packages", name));
    clearTimeout(timer);
    timer = setTimeout(() => {
      const files = [...changed];
      changed.clear();
      onChange(files);
    }, 100);
  });
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}

/** The local AWS and the command itself are not what functions run. */
function isSource(name: string): boolean {
  if (/^(?:local|cli)\//.test(name)) return false;
  return /\.(?:ts|mts|js|mjs|json|ya?ml)$/.test(name) && !/\.test\.|(?:^|\/)node_modules\//.test(name);
}
