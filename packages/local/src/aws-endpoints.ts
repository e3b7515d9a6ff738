import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { errorText, TendrilError } from "@tendril/core/errors";
import type { Chaos } from "./chaos/chaos.ts";
import type { Clock } from "./clock.ts";
import { type LambdaControlPlane, openLambdaControlPlane } from "./lambda/control-plane.ts";
import { portInUse } from "./port-in-use.ts";
import { useDatabase } from "./postgres/outside.ts";
import { type Postgres, startPostgres } from "./postgres/postgres.ts";
import { openDataApi } from "./rds-data/service.ts";
import { openS3, type S3 } from "./s3/service.ts";
import { openScheduler, type Scheduler } from "./scheduler/service.ts";
import { openSqs, type Sqs } from "./sqs/service.ts";
import { unwritable } from "./state-folder.ts";
import { listen } from "./wire/server.ts";

/** The region and the account that the local AWS says it is. */
export const localRegion = "us-east-1";
export const localAccountId = "000000000000";

/** Settings for an SDK client of the local AWS; it checks no signature. */
export interface LocalClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** SQS, S3, the RDS Data API, EventBridge Scheduler and Lambda's control of event source mappings on one port, over one PostgreSQL. */
export interface AwsEndpoints {
  readonly url: string;
  readonly sqs: Sqs;
  readonly s3: S3;
  readonly scheduler: Scheduler;
  readonly lambda: LambdaControlPlane;
  readonly postgres: Postgres;
  readonly clientConfig: LocalClientConfig;
  /** Stops schedules, then the endpoints, then the database. */
  close(): Promise<void>;
}

export interface AwsEndpointsOptions {
  readonly clock: Clock;
  /** The folder that keeps messages, schedules and the database. */
  readonly stateDir: string;
  /** Ports on 127.0.0.1; 0 for any that is free. */
  readonly port: number;
  readonly postgresPort: number;
  /** A PostgreSQL to use; by default one is started in the state folder, on `postgresPort`. */
  readonly databaseUrl?: string;
  /** The flag that moves `port`, for the error that names it. Default `--aws-port`. */
  readonly portFlag?: string;
  /** Connections that the Data API may hold. Default: 200 of its own PostgreSQL, 80 of one that is given. */
  readonly maxConnections?: number;
  /** What goes wrong with messages, calls and the database. Default: nothing. */
  readonly chaos?: Chaos | undefined;
}

/** Starts the local AWS. Errors: `port_in_use`, `postgres_unavailable`, `state_unwritable`. */
export async function startAwsEndpoints(options: AwsEndpointsOptions): Promise<AwsEndpoints> {
  const { clock, stateDir } = options;
  const postgres =
    options.databaseUrl === undefined ? await startDatabase(options) : await useDatabase(options.databaseUrl);
  const closers: (() => Promise<void>)[] = [() => postgres.stop()];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    let url = "";
    const place = { clock, region: localRegion, accountId: localAccountId };
    const sqs = await openSqs({
      ...place,
      baseUrl: () => url,
      dir: join(stateDir, "sqs"),
      weather: options.chaos?.weather,
    }).catch(unwritable(stateDir));
    closers.push(() => sqs.close());
    const maxConnections = options.maxConnections ?? (options.databaseUrl === undefined ? 200 : 80);
    const dataApi = openDataApi({ clock, databaseUrl: postgres.url, maxConnections });
    closers.push(() => dataApi.close());
    const clientConfig = () => ({ endpoint: url, region: localRegion, credentials });
    const scheduler = await openScheduler({
      ...place,
      dir: join(stateDir, "scheduler"),
      send: sender(clientConfig),
    }).catch(unwritable(stateDir));
    closers.push(() => scheduler.close());
    const lambda = await openLambdaControlPlane({ ...place, dir: join(stateDir, "lambda") }).catch(
      unwritable(stateDir),
    );
    closers.push(() => lambda.close());
    const s3 = openS3({ clock, dir: join(stateDir, "s3") });
    const server = await listen([s3.service, sqs.service, dataApi.service, scheduler.service, lambda.service], {
      port: options.port,
      now: () => clock.now(),
      ...(options.chaos
        ? { intercept: options.chaos.intercept({ clock, dropTransactions: dataApi.dropTransactions }) }
        : {}),
    }).catch(portInUse(options.port, options.portFlag ?? "--aws-port"));
    url = server.url;
    closers.splice(-2, 0, () => server.close()); // after the schedules, which send to it
    return { url, sqs, s3, scheduler, lambda, postgres, clientConfig: clientConfig(), close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

function startDatabase(options: AwsEndpointsOptions): Promise<Postgres> {
  return startPostgres({
    dir: join(options.stateDir, "postgres"),
    port: options.postgresPort,
    log: () => {},
  })
    .catch(portInUse(options.postgresPort, "--postgres-port"))
    .catch((error: unknown) => {
      if (error instanceof TendrilError) throw error;
      throw new TendrilError("postgres_unavailable", {
        where: join(options.stateDir, "postgres"),
        given: errorText(error),
        allowed: "a PostgreSQL that starts",
        fix: "Mend what it says, or start over with `--fresh`.",
        cause: error,
      });
    });
}

/** What Scheduler's targets do: SQS's SendMessage, over the wire, with a client made when the first one fires. */
function sender(clientConfig: () => LocalClientConfig): Parameters<typeof openScheduler>[0]["send"] {
  let client: SQSClient | undefined;
  return async (message) => {
    client ??= new SQSClient(clientConfig());
    await client.send(new SendMessageCommand(message));
  };
}
