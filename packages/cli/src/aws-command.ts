import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril aws` may be told. */
export interface AwsOptions {
  /** Throw the state folder away first. */
  readonly fresh: boolean;
  /** Ports on 127.0.0.1: SQS, S3, the RDS Data API and Scheduler, and PostgreSQL; 0 for any that is free. */
  readonly ports: { readonly aws: number; readonly postgres: number };
  /** The PostgreSQL to use; undefined starts one. */
  readonly databaseUrl: string | undefined;
  /** The folder that keeps messages, schedules and the database, from the working folder. */
  readonly stateDir: string;
  /** Seed of the faults to make; undefined makes none. */
  readonly chaosSeed: string | undefined;
}

export const awsUsage = `tendril aws     run SQS, S3, the RDS Data API and Scheduler alone, in any folder; needs no project

  --fresh                  start over: throw away messages, schedules and the database
  --port NUMBER            the port of all four (4748)
  --postgres-port NUMBER   the database's port (4749)
  --database-url URL       use this PostgreSQL, postgres://USER:PASSWORD@HOST:PORT/DATABASE, and start none
  --state FOLDER           where everything is kept (.tendril-aws)
  --chaos SEED             make faults on purpose, the same ones again for the same seed (any word)`;

/** Reads the words after `tendril aws`. Error: `usage`. */
export function readAwsCommand(words: readonly string[]): AwsOptions {
  const { values, positionals } = parse(words);
  if (positionals.length > 0) throw usageError(`aws ${positionals.join(" ")}`, "tendril aws and options");
  return {
    fresh: values.fresh,
    ports: {
      aws: readNumber("--port", values.port, [0, 65_535]),
      postgres: readNumber("--postgres-port", values["postgres-port"], [0, 65_535]),
    },
    databaseUrl: values["database-url"] === undefined ? undefined : readDatabaseUrl(values["database-url"]),
    stateDir: values.state,
    chaosSeed: values.chaos,
  };
}

/** The options that all of `tendril dev` and `tendril aws` have, for `parseArgs`. */
export const localConfig = {
  fresh: { type: "boolean", default: false },
  "postgres-port": { type: "string", default: "4749" },
  chaos: { type: "string" },
} as const;

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    allowPositionals: true,
    options: {
      ...localConfig,
      port: { type: "string", default: "4748" },
      "database-url": { type: "string" },
      state: { type: "string", default: ".tendril-aws" },
    },
  } as const;
  return parseWords(config, "aws");
}

/** The URL may hold a password: it is not shown. */
function readDatabaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ["postgres:", "postgresql:"].includes(url.protocol) && url.host !== "") return text;
  throw usageError("--database-url …", "--database-url with postgres://USER:PASSWORD@HOST:PORT/DATABASE");
}
