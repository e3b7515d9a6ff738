/** Bundles sst.config.ts as the SST command does: its globals are imports put on top of every file, and constants. */
import { readFileSync, rmSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Loader, type Plugin } from "esbuild";
import type { EvaluationOptions } from "./stack.ts";

type BundleOptions = Pick<EvaluationOptions, "root" | "stage" | "replaced">;

/** What the config's `app()` answers for the stage. */
export async function bundleApp(options: BundleOptions): Promise<Record<string, unknown>> {
  const load = await bundleConfig(options, {
    name: "app",
    code: `
      globalThis.$config = (config) => config;
      const { default: config } = await import(${JSON.stringify(join(options.root, "sst.config.ts"))});
      export default await config.app({ stage: ${JSON.stringify(options.stage)} });`,
    plugins: [refuseTopLevelImports],
  });
  const app = await load();
  if (typeof app !== "object" || app === null) throw new Error("sst.config.ts: app() answers nothing");
  return { ...app };
}

/** The whole program, SST's runner around the config's `run()`, to be run by calling it. */
export function bundleProgram(
  options: BundleOptions,
  constants: Record<string, unknown>,
): Promise<() => Promise<unknown>> {
  const platform = join(options.root, ".sst/platform");
  return bundleConfig(options, {
    name: "run",
    code: `
      import { run } from ${JSON.stringify(join(platform, "src/auto/run.ts"))};
      import config from ${JSON.stringify(join(options.root, "sst.config.ts"))};
      export default await run(config.run);`,
    constants,
    onTop: `import * as aws from "@pulumi/aws"; import * as sst from ${JSON.stringify(join(platform, "src/components"))};`,
    inject: [join(platform, "src/shim/run.js")],
  });
}

interface BundleParts {
  readonly name: string;
  readonly code: string;
  readonly constants?: Record<string, unknown>;
  readonly onTop?: string;
  readonly inject?: string[];
  readonly plugins?: Plugin[];
}

async function bundleConfig(options: BundleOptions, parts: BundleParts): Promise<() => Promise<unknown>> {
  const platform = join(options.root, ".sst/platform");
  // Inside the platform, so that what stays outside the bundle is found there.
  const outfile = join(platform, `evaluation.${process.pid}.${parts.name}.mjs`);
  process.once("exit", () => {
    for (const file of [outfile, `${outfile}.map`]) rmSync(file, { force: true });
  });
  await build({
    stdin: { contents: parts.code, resolveDir: options.root, sourcefile: "evaluation.ts", loader: "ts" },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    sourcemap: "linked",
    logLevel: "silent",
    banner: { js: commonJsNames },
    nodePaths: [join(platform, "node_modules")],
    external: [
      "@pulumi/*",
      "@pulumiverse/*",
      "@sst-provider/*",
      "@aws-sdk/*",
      "undici",
      "esbuild",
      "archiver",
      "glob",
      "vite",
    ],
    define: Object.fromEntries(
      Object.entries(parts.constants ?? {}).map(([key, value]) => [key, JSON.stringify(value)]),
    ),
    inject: parts.inject ?? [],
    plugins: [...(parts.plugins ?? []), sources(options, parts.onTop ?? "")],
  });
  return async () => {
    const module: { default: unknown } = await import(pathToFileURL(outfile).href);
    return module.default;
  };
}

const commonJsNames = `import { createRequire as $createRequire } from "node:module";
const require = $createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** The project's sources with `onTop` on top of each; some may be replaced. */
function sources({ root, replaced }: BundleOptions, onTop: string): Plugin {
  return {
    name: "sources",
    setup({ onLoad }) {
      onLoad({ filter: /\.[jt]sx?$/ }, ({ path }) => {
        if (path.includes(`${sep}.sst${sep}`)) return undefined;
        const source = replaced[relative(root, path).replaceAll(sep, "/")] ?? readFileSync(path, "utf8");
        return { contents: `${onTop}\n${source}`, loader: "default" as Loader };
      });
    },
  };
}

/** The SST command refuses imports on top of sst.config.ts, as its globals are not there yet. */
const refuseTopLevelImports: Plugin = {
  name: "top-level-imports",
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ importer, kind, path }) =>
      importer.endsWith(`${sep}sst.config.ts`) && kind === "import-statement"
        ? { errors: [{ text: `sst.config.ts imports ${path} at its top; import it inside run()` }] }
        : undefined,
    );
  },
};
