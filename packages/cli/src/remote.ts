import { readFile } from "node:fs/promises";
import { createHttpCall, type HttpCall, type HttpOptions } from "@tendril/client/http-call";
import { TendrilError } from "@tendril/core/errors";
import { isWebAddress, type RemoteOptions } from "./remote-options.ts";
import { usageError } from "./usage-error.ts";

/** A tier's API. */
export interface Remote {
  readonly url: string;
  /** Makes a call; its errors say what to do on a command line. */
  readonly call: HttpCall;
}

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

const localUrl = "http://127.0.0.1:4747";

/**
 * The API that the options and the environment (TENDRIL_URL, TENDRIL_TOKEN) name; nothing is asked yet. Errors: `usage`
 * (the address, the token's file, or a token that would cross a network unencrypted).
 */
export async function openRemote(options: RemoteOptions, environment: Environment = process.env): Promise<Remote> {
  const url = options.url ?? (environment.TENDRIL_URL || localUrl);
  if (!isWebAddress(url)) throw usageError(`TENDRIL_URL=${url}`, "https://… or http://…");
  const access = await accessOf(options, url, environment);
  const call = createHttpCall({ url, ...access });
  const isOpen = Object.keys(access).length === 0;
  return {
    url,
    call: (request) =>
      call(request).catch((error: unknown) => {
        throw error instanceof TendrilError ? withAdvice(error, url, isOpen) : error;
      }),
  };
}

async function accessOf(
  { sign, region, tokenFile }: RemoteOptions,
  url: string,
  environment: Environment,
): Promise<Pick<HttpOptions, "token" | "fetch">> {
  if (sign) return { fetch: (await import("./sign-request.ts")).signingFetch(url, region) };
  const token = tokenFile === undefined ? environment.TENDRIL_TOKEN || undefined : await readToken(tokenFile);
  if (token === undefined) return {};
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError("a token of other characters", "a token of visible ASCII");
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || ["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return { token };
  throw usageError(`a token for ${url}`, "https:// for a token: anybody on the way could read it");
}

async function readToken(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageError(`--token-file ${file}`, `a file that can be read (${error.code})`);
  });
  return text.trim();
}

/** The same error, with what to do about it here. */
function withAdvice(error: TendrilError, url: string, isOpen: boolean): TendrilError {
  const { where, ...facts } = error.facts;
  if (facts.fix?.startsWith("See whether its address") && facts.given.startsWith("no answer")) {
    const isLocal = new URL(url).hostname === "127.0.0.1";
    const fix = `${isLocal ? "Is `npm run dev` running? " : ""}--url or TENDRIL_URL says where the API is.`;
    return new TendrilError(error.code, { where: url, ...facts, fix, cause: error });
  }
  if (!isOpen || (error.code !== "unauthorized" && error.code !== "forbidden")) return error;
  const place = where === undefined ? {} : { where };
  const fix = "Set TENDRIL_TOKEN, name the token's file with --token-file, or sign with --sign.";
  return new TendrilError(error.code, { ...place, ...facts, fix, cause: error });
}
