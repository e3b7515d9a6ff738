import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type AwsEndpoints, startAwsEndpoints } from "../aws-endpoints.ts";
import type { Clock } from "../clock.ts";
import { type Chaos, createChaos } from "./chaos.ts";
import { type Fault, type FaultRates, noFaults } from "./faults.ts";

/** The whole local AWS with chaos, as the tests of one file use it; each test begins without any fault. */
export interface ChaosAws {
  readonly chaos: Chaos;
  /** Those of the test. */
  readonly faults: Fault[];
  aws(): AwsEndpoints;
  clients(): { readonly sqs: SQSClient; readonly rdsData: RDSDataClient; readonly scheduler: SchedulerClient };
  /** Makes a queue and returns its URL. */
  queue(name: string, attributes?: Record<string, string>): Promise<string>;
  /** These faults strike from now on, and no others. */
  only(rates: Partial<FaultRates>): void;
  kinds(): string[];
}

/** Starts it before the tests of the calling file, and stops it after them. The SDK's clients do not try again. */
export function startChaosAws(clock: Clock): ChaosAws {
  const faults: Fault[] = [];
  const chaos = createChaos({ seed: "seed", rates: noFaults, onFault: (fault) => faults.push(fault) });
  const stateDir = mkdtempSync(join(tmpdir(), "tendril-chaos-"));
  let running: { aws: AwsEndpoints; clients: ReturnType<ChaosAws["clients"]> } | undefined;

  beforeAll(async () => {
    const aws = await startAwsEndpoints({ clock, stateDir, port: 0, postgresPort: 0, chaos });
    const config = { ...aws.clientConfig, maxAttempts: 1 };
    const sqs = new SQSClient(config);
    running = { aws, clients: { sqs, rdsData: new RDSDataClient(config), scheduler: new SchedulerClient(config) } };
  });
  afterAll(async () => {
    for (const client of Object.values(running?.clients ?? {})) client.destroy();
    await running?.aws.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  beforeEach(() => {
    chaos.setRates(noFaults);
    chaos.setCrashPoints([]);
    faults.length = 0;
  });

  const started = () => {
    if (!running) throw new Error("The local AWS has not been started.");
    return running;
  };
  return {
    chaos,
    faults,
    aws: () => started().aws,
    clients: () => started().clients,
    async queue(QueueName, Attributes = {}) {
      const created = await started().clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
      return created.QueueUrl ?? "";
    },
    only: (rates) => chaos.setRates({ ...noFaults, ...rates }),
    kinds: () => faults.map(({ kind }) => kind),
  };
}
