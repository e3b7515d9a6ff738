/** What the SST command answers its components while they are evaluated: JSON-RPC over HTTP. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, parse } from "node:path";
import { build } from "esbuild";
import type { BuiltFunction } from "./stack.ts";

interface CliServerOptions {
  readonly root: string;
  /** Where built functions go. */
  readonly work: string;
  readonly region: string;
  readonly account: string;
  onBuilt(built: BuiltFunction): void;
}

/** What SST sends to have a function built. */
interface BuildRequest {
  readonly functionID: string;
  readonly handler: string;
  readonly links: Record<string, Record<string, unknown>>;
  readonly copyFiles?: readonly { readonly to: string }[];
  readonly properties?: { readonly minify?: boolean; readonly sourcemap?: boolean; readonly splitting?: boolean };
}

/** Starts it on 127.0.0.1; its address. It does not keep the process alive. */
export async function startCliServer(options: CliServerOptions): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const call: { method: string; params: unknown[] } = JSON.parse(body);
    const answer = await answerRpc(call.method, call.params[0], options).then(
      (result) => ({ result }),
      (error: Error) => ({ error: error.message }),
    );
    response.setHeader("connection", "close"); // a socket that is kept would keep the process alive
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

async function answerRpc(method: string, given: unknown, options: CliServerOptions): Promise<unknown> {
  const { region, account } = options;
  switch (method) {
    case "Provider.Aws.Bootstrap":
      return {
        asset: `sst-asset-${account}`,
        state: `sst-state-${account}`,
        assetEcrRegistryId: account,
        assetEcrUrl: `${account}.dkr.ecr.${region}.amazonaws.com/sst-asset`,
      };
    case "Provider.Aws.Appsync":
      return { http: "appsync-api.test", realtime: "appsync-realtime-api.test" };
    case "Runtime.AddTarget":
      return true;
    case "Runtime.Build":
      return buildFunction(given as BuildRequest, options);
    default:
      throw new Error(`rpc: can't find method ${method}`);
  }
}

/** The entry point alone, without what it imports: enough to know that it is there and exports its handler. */
async function buildFunction(request: BuildRequest, { root, work, onBuilt }: CliServerOptions): Promise<object> {
  const { functionID: name, handler, links, copyFiles, properties } = request;
  const { dir, name: file, ext } = parse(handler);
  const source = join(root, dir, `${file}.ts`);
  if (!existsSync(source)) throw new Error(`${name}: there is no file for the handler ${handler}`);
  const out = join(work, "artifacts", name);
  await mkdir(out, { recursive: true });
  const { metafile } = await build({
    entryPoints: [source],
    outfile: join(out, "bundle.mjs"),
    format: "esm",
    metafile: true,
    logLevel: "silent",
  });
  const isExported = Object.values(metafile.outputs).some((output) => output.exports.includes(ext.slice(1)));
  onBuilt({
    name,
    handler,
    minify: properties?.minify ?? false, // as the SST command reads a missing value
    sourcemap: properties?.sourcemap !== undefined, // when it is said, true or false, the map is not taken out
    splitting: properties?.splitting ?? false,
    links,
    copied: (copyFiles ?? []).map((copy) => copy.to),
  });
  const errors = isExported ? [] : [`${name}: ${handler} exports no ${ext.slice(1)}`];
  return { out, handler: `bundle${ext}`, errors, sourcemaps: [] };
}
