import { setTimeout as sleep } from "node:timers/promises";
import { tokenAccess } from "@tendril/api/bearer";
import { apiScopes } from "@tendril/core/api-plan";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import type { LambdaEvent } from "hono/aws-lambda";
import { beforeEach } from "vitest";
import { z } from "zod";
import { useApiBench } from "./api-bench.ts";
import { useWorkerRoom } from "./worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string(), retry: { attempts: 1 } });
const Bag = defineJob({ type: "Bag", input: z.unknown() });

/** Tokens, by what they are for. */
export const tokens = {
  all: "a-token-for-everything-0123",
  enqueue: "a-token-to-enqueue-01234567",
  read: "a-token-to-read-0123456789a",
  operate: "a-token-to-operate-01234567",
};

type Holder = keyof typeof tokens;

/** Who has a token. */
export const holders: readonly Holder[] = ["all", ...apiScopes];

/** The secret that has them all. */
export const secret = `${tokens.all} enqueue:${tokens.enqueue} read:${tokens.read} operate:${tokens.operate}`;

/**
 * The API with its tokens, the local SQS, the ledger in PostgreSQL and a worker, for one test file: to be called once,
 * outside of tests.
 */
export function useOwaspBench() {
  const room = useWorkerRoom(({ writeNote }) => [handle(Note, writeNote), handle(Bag, async () => undefined)]);
  const bench = useApiBench(room, [Note, Bag]);
  beforeEach(() => bench.use({ access: tokenAccess(secret), auth: "token" }));

  const as = (holder: Holder) => ({ authorization: `Bearer ${tokens[holder]}` });
  const post = (body: unknown, headers: Record<string, string> = {}) => bench.post(body, { ...as("all"), ...headers });
  const postNote = async (input: string) => String((await post({ type: "Note", input })).body.job_id);
  return {
    room,
    bench,
    as,
    json: (holder: Holder) => ({ ...as(holder), "content-type": "application/json" }),
    ask: (method: string, path: string, body?: unknown, holder: Holder = "all") =>
      bench.ask(method, path, body, as(holder)),
    post,
    postNote,
    /** The id of a job that has failed for good. */
    async deadJob(note: string): Promise<string> {
      room.failAlways(note, new Error(`${note} went wrong`));
      const id = await postNote(note);
      await room.work();
      return id;
    },
    /** Lets the queues have time, much of it at once, until something is answered. */
    async passing<Answer>(going: Promise<Answer>): Promise<Answer> {
      let isOver = false;
      const over = going.finally(() => {
        isOver = true;
      });
      for (;;) {
        await Promise.race([over, sleep(5)]);
        if (isOver) return over;
        await room.sqs.clock.advance(100);
      }
    },
  };
}

/** Everything that was answered and logged, as one text. */
export const textOf = (...said: unknown[]): string => said.map((each) => JSON.stringify(each)).join("\n");

/** An operation of the API's document. */
export interface Documented {
  readonly method: string;
  readonly path: string;
  /** Undefined: anybody. */
  readonly scope: string | undefined;
}

/** The operations that are in the API's document. */
export function operationsIn(document: Readonly<Record<string, unknown>>): readonly Documented[] {
  const { paths } = documentSchema.parse(document);
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path,
      scope: security.flatMap((each) => each.token ?? [])[0],
    })),
  );
}

const documentSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ security: z.array(z.object({ token: z.array(z.string()).optional() })) })),
  ),
});

/** What a Lambda function is given by an HTTP API, with the path as it was decoded. */
export function gatewayEvent(method: string, rawPath: string, headers: Record<string, string>): LambdaEvent {
  const http = { method, path: rawPath, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "" };
  const requestContext: object = { domainName: "api.test", http };
  const event: object = {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString: "",
    headers,
    requestContext,
    isBase64Encoded: false,
  };
  return event as LambdaEvent;
}
