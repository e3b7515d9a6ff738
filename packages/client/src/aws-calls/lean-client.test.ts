import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
  BeginTransactionCommand,
  DatabaseErrorException,
  ExecuteStatementCommand,
  RDSDataClient,
} from "@aws-sdk/client-rds-data";
import { QueueDoesNotExist, SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { leanClient } from "./lean-client.ts";
import type { RequestHandlerOptions } from "./request-handler.ts";
import { createRequestSigner } from "./request-signer.ts";

interface Seen {
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that answers as it is told to, call after call; the last way stays. */
async function startServer() {
  const ways: ((response: ServerResponse, seen: Seen) => void)[] = [];
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = { url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() };
      seen.push(one);
      const way = ways.length > 1 ? ways.shift() : ways[0];
      way?.(response, one);
    });
  });
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    connections: () => connections,
    answers: (...all: typeof ways) => void ways.splice(0, ways.length, ...all),
    /** Resolves when this process, which is the client's too, has heard of it. */
    closeConnections: () =>
      Promise.all([...sockets].map((socket) => once(socket.destroy(), "close"))).then(() => delay(10)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    const text = JSON.stringify(body);
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  };

const breaks = (response: ServerResponse): void => void response.socket?.destroy();
const isSilent = (): void => {};
const inserted = json({ numberOfRecordsUpdated: 1 });
const sent = json({ Successful: [{ Id: "0", MessageId: "m", MD5OfMessageBody: "" }], Failed: [] });
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: "token" };

let server: Awaited<ReturnType<typeof startServer>>;
const clients: { destroy(): void }[] = [];

beforeEach(async () => {
  server = await startServer();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.close();
});

const settings = () => ({ endpoint: server.url, region: "eu-west-1", credentials });

function rdsDataOf(options?: RequestHandlerOptions): RDSDataClient {
  const client = leanClient(new RDSDataClient(settings()), options);
  clients.push(client);
  return client;
}

function sqsOf(options?: RequestHandlerOptions): SQSClient {
  const client = leanClient(new SQSClient({ ...settings(), md5: false }), options);
  clients.push(client);
  return client;
}

const statement = (sql = "select 1") => new ExecuteStatementCommand({ resourceArn: "r", secretArn: "s", sql });
const batch = () =>
  new SendMessageBatchCommand({ QueueUrl: `${server.url}/0/jobs`, Entries: [{ Id: "0", MessageBody: "a" }] });

describe("what goes over the wire", () => {
  test("is what the client sends as it comes, but for what its calls are signed and counted with", async () => {
    server.answers(inserted);
    const named = { ...settings(), userAgentAppId: "PT/a b#c/é" };
    const [plain, lean] = [new RDSDataClient(named), leanClient(new RDSDataClient(named))];
    clients.push(plain, lean);
    for (const client of [plain, lean]) await client.send(statement("select 'é ☃'"));
    const [theirs, ours] = server.seen;
    expect(ours?.url).toBe(theirs?.url);
    expect(ours?.body).toBe(theirs?.body);
    expect(ours?.body).toContain("é ☃");
    const theirNames = Object.keys(theirs?.headers ?? {}).filter(
      (name) => !/^x-amz-(content-sha256|user-agent)$/.test(name),
    );
    expect(Object.keys(ours?.headers ?? {}).sort()).toEqual(theirNames.sort());
    const featureless = theirs?.headers["user-agent"]?.replace(/ m\/\S+/, "");
    expect(ours?.headers["user-agent"]).toBe(featureless);
    expect(featureless).toMatch(/^aws-sdk-js\/[\d.]+ .*api\/rds-data#[\d.]+/);
  });

  test("is signed as the SDK signs it", async () => {
    const headers = {
      host: "rds-data.eu-west-1.amazonaws.com",
      "content-type": "application/json",
      "x-amz-target": "A  b",
    };
    const request = {
      method: "POST",
      protocol: "https:",
      hostname: headers.host,
      path: "/Execute",
      query: {},
      headers,
      body: '{"a":"é"}',
    };
    const signer = new SignatureV4({
      credentials,
      region: "eu-west-1",
      service: "rds-data",
      sha256: Sha256,
      applyChecksum: false,
    });
    const signingDate = new Date("2026-02-03T04:05:06Z");
    const theirs = await signer.sign(request, { signingDate });
    const sign = createRequestSigner();
    for (const signedAt of [new Date("2026-02-02T00:00:00Z"), signingDate]) {
      const ours = { ...request, headers: { ...headers } };
      sign(ours, credentials, { signedAt, region: "eu-west-1", service: "rds-data" });
      if (signedAt === signingDate) expect(ours.headers).toEqual(theirs.headers);
      else expect(ours.headers).not.toEqual(theirs.headers);
    }
  });

  test("follows the credentials when they change", async () => {
    server.answers(inserted);
    let accessKeyId = "FIRST";
    const provider = async () => ({ accessKeyId, secretAccessKey: accessKeyId, expiration: new Date(0) });
    const client = leanClient(new RDSDataClient({ ...settings(), credentials: provider }));
    clients.push(client);
    await client.send(statement());
    accessKeyId = "SECOND";
    await client.send(statement());
    const signers = server.seen.map(({ headers }) => /Credential=(\w+)/.exec(headers.authorization ?? "")?.[1]);
    expect(signers).toEqual(["FIRST", "SECOND"]);
  });

  test("may be 4 MiB long, there and back", async () => {
    const text = "é".repeat(2 * 1024 * 1024);
    server.answers((response, { body }) => json({ formattedRecords: JSON.parse(body).sql })(response));
    const { formattedRecords } = await rdsDataOf().send(statement(text));
    expect(formattedRecords === text).toBe(true);
  });

  test("may come back in chunks, and until the connection closes", async () => {
    const client = rdsDataOf();
    server.answers(
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"transaction');
        response.end('Id":"ä"}');
      },
      (response) => void response.socket?.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"transactionId":"b"}'),
    );
    const begin = new BeginTransactionCommand({ resourceArn: "r", secretArn: "s" });
    expect((await client.send(begin)).transactionId).toBe("ä");
    expect((await client.send(new BeginTransactionCommand({ resourceArn: "r", secretArn: "s" }))).transactionId).toBe(
      "b",
    );
  });
});

describe("connections", () => {
  test("are kept for the next call, and limited", async () => {
    server.answers(inserted);
    const client = rdsDataOf({ maxSockets: 2 });
    await client.send(statement());
    await client.send(statement());
    expect(server.connections()).toBe(1);
    await Promise.all(Array.from({ length: 20 }, () => client.send(statement())));
    expect(server.seen).toHaveLength(22);
    expect(server.connections()).toBe(2);
  });

  test("are limited too for calls that begin together before there are any", async () => {
    server.answers(inserted);
    const client = rdsDataOf({ maxSockets: 2 });
    await Promise.all(Array.from({ length: 20 }, () => client.send(statement())));
    expect(server.connections()).toBe(2);
  });

  test("that the server has closed meanwhile are not used", async () => {
    server.answers(inserted);
    const client = sqsOf();
    server.answers(sent);
    await client.send(batch());
    await server.closeConnections();
    const { $metadata } = await client.send(batch());
    expect($metadata.attempts).toBe(1);
    expect(server.connections()).toBe(2);
  });

  test("that close before the answer are named as the SDK's, and retried by its retries", async () => {
    const client = sqsOf();
    server.answers(breaks, sent);
    const { $metadata, Successful } = await client.send(batch());
    expect(Successful).toHaveLength(1);
    expect($metadata.attempts).toBe(2);
    server.answers(breaks);
    await expect(client.send(batch())).rejects.toMatchObject({ name: "TimeoutError", code: "ECONNRESET" });
  });

  test("that close in the middle of an answer are not taken for its end", async () => {
    const client = sqsOf();
    server.answers((response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write('{"Successful":[]}', () => response.socket?.destroy());
    }, sent);
    const { $metadata, Successful } = await client.send(batch());
    expect(Successful).toHaveLength(1);
    expect($metadata.attempts).toBe(2);
  });

  test("to nowhere are refused with the system's code", async () => {
    const client = sqsOf();
    await server.close();
    await expect(client.send(batch())).rejects.toMatchObject({ code: "ECONNREFUSED", $metadata: { attempts: 3 } });
  });

  test("that stay silent are given up", async () => {
    const client = leanClient(new SQSClient({ ...settings(), maxAttempts: 1 }), { quietMs: 50 });
    clients.push(client);
    server.answers(isSilent);
    await expect(client.send(batch())).rejects.toMatchObject({ name: "TimeoutError", code: "ETIMEDOUT" });
  });

  test("end with the client, and so do calls that wait for one", async () => {
    const client = rdsDataOf({ maxSockets: 1 });
    server.answers(() => client.destroy());
    const calls = [client.send(statement()), client.send(statement())];
    const ends = await Promise.allSettled(calls);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

describe("an aborted call", () => {
  test("rejects at once, and its connection is not used again", async () => {
    const client = rdsDataOf();
    const abort = new AbortController();
    server.answers(() => abort.abort(), inserted);
    const call = client.send(statement(), { abortSignal: abort.signal });
    await expect(call).rejects.toMatchObject({ name: "AbortError", message: "Request aborted" });
    await client.send(statement());
    expect(server.connections()).toBe(2);
  });

  test("is not sent when it was aborted before, nor when it waits for a connection", async () => {
    const client = rdsDataOf({ maxSockets: 1 });
    await expect(client.send(statement(), { abortSignal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(server.seen).toHaveLength(0);
    const abort = new AbortController();
    const answer = Promise.withResolvers<ServerResponse>();
    server.answers((response) => answer.resolve(response));
    const first = client.send(statement());
    const response = await answer.promise;
    const second = client.send(statement(), { abortSignal: abort.signal });
    await delay(10);
    abort.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    inserted(response);
    await first;
    expect(server.seen).toHaveLength(1);
  });
});

describe("errors", () => {
  test("are of the SDK's own classes", async () => {
    const type = { "x-amzn-errortype": "DatabaseErrorException:http://internal.amazon.com/" };
    server.answers(json({ message: "ERROR: é; SQLState: 23505" }, 400, type));
    const failed = rdsDataOf().send(statement());
    await expect(failed).rejects.toBeInstanceOf(DatabaseErrorException);
    await expect(failed).rejects.toMatchObject({ message: "ERROR: é; SQLState: 23505" });
    server.answers(json({ __type: "com.amazonaws.sqs#QueueDoesNotExist", message: "no" }, 400));
    await expect(sqsOf().send(batch())).rejects.toBeInstanceOf(QueueDoesNotExist);
  });

  test.each([
    [500, {}],
    [503, {}],
    [400, { __type: "com.amazonaws.sqs#RequestThrottled" }],
  ])("that pass are retried: %s %o", async (status, body) => {
    server.answers(json(body, status), sent);
    const { $metadata } = await sqsOf().send(batch());
    expect($metadata.attempts).toBe(2);
  });
});
