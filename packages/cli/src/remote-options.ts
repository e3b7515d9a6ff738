import { usageError } from "./usage-error.ts";

/** Which tier's API is meant, and how it is told who asks. */
export interface RemoteOptions {
  /** Undefined: TENDRIL_URL, or the tier on this machine. */
  readonly url: string | undefined;
  /** Undefined: the token of TENDRIL_TOKEN, if there is one. */
  readonly tokenFile: string | undefined;
  /** Sign with the user's AWS credentials. */
  readonly sign: boolean;
  /** The region that requests are signed for. Undefined: the address's own, or that of the AWS settings. */
  readonly region: string | undefined;
}

/** The options of all commands that ask an API, for `parseArgs`: those of `RemoteOptions`, and `--json`. */
export const remoteConfig = {
  url: { type: "string" },
  token: { type: "string" },
  "token-file": { type: "string" },
  sign: { type: "boolean", default: false },
  region: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export const remoteUsage = `Which tier: send, jobs, job, queues, schedules, tail

  --url URL                the tier's API (TENDRIL_URL, or http://127.0.0.1:4747: the tier on this machine);
                           \`sst deploy\` prints a stage's
  --token-file FILE        the API's token is in the file; else TENDRIL_TOKEN. Never on the command line, where
                           every process of the machine could read it
  --sign                   the API takes IAM: sign with the AWS credentials that the aws command would use
                           (AWS_ACCESS_KEY_ID …, AWS_PROFILE, single sign-on)
  --region REGION          with --sign: the API's region, when its address does not tell it
  --json                   print JSON`;

/** What `parseArgs` makes of `remoteConfig`. */
export interface RemoteValues {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly "token-file"?: string | undefined;
  readonly sign: boolean;
  readonly region?: string | undefined;
}

/** Reads where the API is. Error: `usage`, which never shows a token. */
export function readRemoteOptions(values: RemoteValues): RemoteOptions {
  const { url, token, "token-file": tokenFile, sign, region } = values;
  if (token !== undefined) {
    throw usageError("--token", "TENDRIL_TOKEN or --token-file FILE: other processes can read a command line");
  }
  if (sign && tokenFile !== undefined) throw usageError("--sign and --token-file", "one of them");
  if (region !== undefined && !sign) throw usageError("--region", "--region with --sign");
  if (url !== undefined && !isWebAddress(url)) throw usageError(`--url ${url}`, "--url with https://… or http://…");
  return { url, tokenFile, sign, region };
}

/** Whether a text is an address of the web. */
export const isWebAddress = (text: string): boolean => URL.canParse(text) && /^https?:\/\//.test(text);
