import type { Bundle } from "./bundle.ts";

/** What an entry point's bundle may hold. */
export interface BundleBudget {
  /** Of the files that are loaded at a cold start, and of all files. */
  readonly startKilobytes: number;
  readonly allKilobytes: number;
  /** The SDK's clients that are loaded at a cold start. */
  readonly clientsAtStart: readonly string[];
}

/**
 * Sizes when written: 474 of 776, 446 of 1,061 and 222 of 380 kB, and 15 percent on top: bytes are start-up time, about 27 ms
 * a megabyte on Lambda, and every cold start is billed.
 */
export const bundleBudgets: Readonly<Record<string, BundleBudget>> = {
  worker: { startKilobytes: 545, allKilobytes: 895, clientsAtStart: ["client-rds-data", "client-sqs"] },
  api: { startKilobytes: 515, allKilobytes: 1220, clientsAtStart: ["client-sqs"] },
  migrate: { startKilobytes: 255, allKilobytes: 435, clientsAtStart: ["client-rds-data"] },
};

/**
 * What nobody has asked for at a cold start: Node's `http` as a module brings its `fetch` along (30 ms), which only the
 * credentials of an EC2 instance need; and the credential providers that are not Lambda's.
 */
export const neverAtStart =
  /node_modules\/@(?:aws-sdk\/(?:nested-clients|credential-provider-(?!node|env))|smithy\/credential-provider-imds|aws-lambda-powertools\/(?:tracer|parser))\//;

/** The modules that are loaded at a cold start and should not be: of a client that its budget does not name, or `neverAtStart`. */
export function unwantedAtStart(
  { metafile, loadedAtStart }: Pick<Bundle, "metafile" | "loadedAtStart">,
  { clientsAtStart }: Pick<BundleBudget, "clientsAtStart">,
): readonly string[] {
  const paths = loadedAtStart.flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}));
  const clientIn = (path: string): string | undefined =>
    /node_modules\/@aws-sdk\/(client-[a-z0-9-]+)\//.exec(path)?.[1];
  return paths.filter((path) => {
    const client = clientIn(path);
    return neverAtStart.test(path) || (client !== undefined && !clientsAtStart.includes(client));
  });
}
