import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { OpenApiDocument } from "@tendril/api/openapi/document-model";
import { generateSource } from "oazapfts";
import { repositoryRoot } from "../project.ts";

const run = promisify(execFile);

/** A client that a public generator has made of a document, in a folder in which its own runtime is found. */
export interface GeneratedClient {
  /** Compiles a program beside the client, which imports it as `./client.ts`; rejects with what the compiler says. */
  compile(program: string): Promise<void>;
  /** Runs the compiled program, and answers with what it prints. */
  run(environment: Readonly<Record<string, string>>): Promise<string>;
  remove(): Promise<void>;
}

/** Makes it with oazapfts. https://github.com/oazapfts/oazapfts */
export async function generateClient(document: OpenApiDocument): Promise<GeneratedClient> {
  const cache = join(repositoryRoot, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "tendril-client-"));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write("openapi.json", JSON.stringify(document));
  await write("client.ts", await generateSource(join(folder, "openapi.json")));
  await write("package.json", JSON.stringify({ type: "module" }));
  await write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["client.ts", "program.ts"] }));
  return {
    async compile(program) {
      await write("program.ts", program);
      await run(join(repositoryRoot, "node_modules/.bin/tsc"), ["-p", folder]).catch(({ stdout, stderr }) => {
        throw new Error(`the compiler says: ${stdout}${stderr}`);
      });
    },
    async run(environment) {
      const options = { env: { ...process.env, ...environment }, timeout: 30_000 };
      return (await run(process.execPath, [join(folder, "program.js")], options)).stdout;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const compilerOptions = {
  target: "ES2024",
  lib: ["ES2024", "DOM"],
  types: ["node"],
  module: "NodeNext",
  strict: true,
  skipLibCheck: true,
  noUncheckedIndexedAccess: true,
  rewriteRelativeImportExtensions: true,
};
