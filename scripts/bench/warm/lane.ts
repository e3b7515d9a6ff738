import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What one round has found, of each record. */
export interface Round {
  readonly microseconds: number;
  /** The processor's time on all threads. */
  readonly cpuMicroseconds: number;
  /** What is left on the heap by then, garbage included: nothing was collected meanwhile when it is positive. */
  readonly heapBytes: number;
  readonly residentMb: number;
}

/** A way of doing jobs in a process of its own, its lines and metrics going nowhere. */
export interface Lane {
  readonly name: string;
  /** Hands over so many no-op jobs in batches of `size`. */
  measure(records: number, size: number): Promise<Round>;
  close(): void;
}

/** `youngMb`: how much garbage the process lets lie, in megabytes; enough of it, and a round's allocation can be counted. */
export async function openLane(name: string, bundle: string, youngMb: number): Promise<Lane> {
  const child = fork(join(import.meta.dirname, "runner.mjs"), [bundle], {
    execArgv: ["--expose-gc", `--min-semi-space-size=${youngMb}`, `--max-semi-space-size=${youngMb}`],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: {
      AWS_REGION: "us-east-1",
      AWS_LAMBDA_FUNCTION_NAME: "bench",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    },
  });
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`)));
  ended.catch(() => {});
  const answer = async (): Promise<string> => String((await Promise.race([once(child, "message"), ended]))[0]);
  await answer();
  return {
    name,
    async measure(records, size) {
      child.send({ records, size });
      const round: Round = JSON.parse(await answer());
      return round;
    },
    close: () => void child.kill(),
  };
}
