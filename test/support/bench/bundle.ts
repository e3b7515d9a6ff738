import { join, relative } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { repositoryRoot } from "../project.ts";

/** What is bundled: a file by its path from the repository's root, or a text. */
export type BundleSource = string | NonNullable<BuildOptions["stdin"]>;

/** How a bundle differs from what is deployed. */
export interface BundleOptions {
  readonly plugins?: Plugin[];
  /** Default false. */
  readonly sourcemap?: boolean;
  /** Default true. */
  readonly splitting?: boolean;
}

/** A bundled function. */
export interface Bundle {
  /** The file that exports the handler. */
  readonly file: string;
  readonly metafile: Metafile;
  /** The files that are loaded at a cold start, by their names in the metafile: the first, and what it imports statically. */
  readonly loadedAtStart: readonly string[];
  /** All files but source maps, by their names in the metafile. */
  readonly files: readonly string[];
}

/** As SST 4.17 calls esbuild for nodejs24.x with the options of stacks/functions.ts. */
export async function bundleFunction(
  source: BundleSource,
  folder: string,
  { plugins = [], sourcemap = false, splitting = true }: BundleOptions = {},
): Promise<Bundle> {
  const { metafile } = await build({
    absWorkingDir: repositoryRoot,
    ...(typeof source === "string" ? { entryPoints: [source] } : { stdin: source }),
    outdir: folder,
    entryNames: "bundle",
    outExtension: { ".js": ".mjs" },
    splitting,
    plugins,
    bundle: true,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "ES2024",
    mainFields: ["module", "main"],
    keepNames: true,
    minify: true,
    sourcemap: sourcemap ? "linked" : false,
    external: ["sharp", "pg-native"],
    logLevel: "silent",
    banner: {
      js: [
        'import { createRequire as topLevelCreateRequire } from "module";',
        "const require = topLevelCreateRequire(import.meta.url);",
        'import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url";',
        "const __filename = topLevelFileUrlToPath(import.meta.url);",
        'const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url));',
      ].join("\n"),
    },
  });
  const file = join(folder, "bundle.mjs");
  const files = Object.keys(metafile.outputs).filter((name) => !name.endsWith(".map"));
  return { file, metafile, files, loadedAtStart: staticImports(metafile, relative(repositoryRoot, file)) };
}

function staticImports({ outputs }: Metafile, first: string): string[] {
  const found = new Set([first]);
  for (const name of found) {
    for (const { path, kind } of outputs[name]?.imports ?? [])
      if (kind === "import-statement" && path in outputs) found.add(path);
  }
  return [...found];
}
