import { SQSClient } from "@aws-sdk/client-sqs";
import { type Api, type ApiOptions, createApi } from "@tendril/api/api";
import { createOperations } from "@tendril/client/operations/operations";
import { createSender } from "@tendril/client/sender";
import type { JobSpec } from "@tendril/core/job";
import { planTier, refusal } from "@tendril/core/plan";
import { createJobStore } from "@tendril/ledger/job-store";
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { WorkerRoom } from "./worker-bench.ts";

/** The API beside a worker: it sends to the worker's queue, over the room's wires, and asks the worker's ledger. */
export interface ApiBench {
  readonly api: Api;
  /** Over the wire, and without retries. */
  readonly sqs: SQSClient;
  /** What the API has logged in this test. */
  readonly lines: { readonly message: string; readonly facts: Readonly<Record<string, unknown>> }[];
  /** Takes another API for the rest of the test. */
  use(options: Partial<ApiOptions>): void;
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  get(path: string): Promise<ApiAnswer>;
  /** `POST /jobs`. */
  post(body: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
}

/** An answer, whose body is a JSON object. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Makes the bench of a test file: to be called once, outside of tests. */
export function useApiBench(room: WorkerRoom, jobs: readonly JobSpec[]): ApiBench {
  let database = "";
  let started: { readonly sqs: SQSClient; readonly api: Api } | undefined;
  const lines: { message: string; facts: Readonly<Record<string, unknown>> }[] = [];
  const there = () => {
    if (started === undefined) throw new Error("before the first test there is none");
    return started;
  };
  const open = (options: Partial<ApiOptions>, sqs: SQSClient): void => {
    const queues = { jobs: { url: room.queue.url, deadLetterUrl: room.queue.deadLetterUrl } };
    const mappings = { paused: async () => false, setPaused: async () => {} };
    const api = createApi({
      name: "t",
      jobs,
      queues,
      sender: createSender({ sqs, queues }),
      store: async () => createJobStore(room.local.openDatabase(database)),
      // What is younger than a call of theirs they leave alone, by the clock that messages are sent by.
      operations: async () =>
        createOperations({ sqs, queues, plan: async () => planOf(jobs), mappings, now: () => room.sqs.clock.now() }),
      log: (message, facts) => void lines.push({ message, facts }),
      ...options,
    });
    started = { sqs, api };
  };
  const ask: ApiBench["ask"] = async (method, path, body, headers = {}) => {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const response = await there().api.request(path, { method, headers: { ...type, ...headers }, ...json });
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  };
  beforeAll(async () => {
    database = String((await room.query("select current_database()"))[0]?.current_database);
  });
  beforeEach(() => {
    const { region, credentials } = room.sqs.client.config;
    // Queues' addresses lead past the wire.
    const config = { useQueueUrlAsEndpoint: false, maxAttempts: 1 };
    lines.length = 0;
    open({}, started?.sqs ?? new SQSClient({ endpoint: room.sqsWire.url, region, credentials, ...config }));
  });
  afterAll(() => started?.sqs.destroy());
  return {
    get api() {
      return there().api;
    },
    get sqs() {
      return there().sqs;
    },
    lines,
    use: (options) => open(options, there().sqs),
    ask,
    get: (path) => ask("GET", path),
    post: (body, headers) => ask("POST", "/jobs", body, headers),
  };
}

function planOf(jobs: readonly JobSpec[]) {
  const result = planTier({ name: "t", queues: { jobs: {} }, jobs });
  if (result.kind === "plan") return result.plan;
  throw refusal(result.problems);
}
