import { createServer } from "node:https";
import { getCACertificates, setDefaultCACertificates, TLSSocket } from "node:tls";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { certificate, privateKey } from "./certificate.fixture.ts";
import { leanClient } from "./lean-client.ts";

/** Of each call: whether its connection was a new one, and whether that went on with an earlier session. */
const seen: { readonly isNew: boolean; readonly isResumed: boolean }[] = [];
const known = new WeakSet<object>();
const server = createServer({ key: privateKey, cert: certificate }, (request, response) => {
  const { socket } = request;
  seen.push({ isNew: !known.has(socket), isResumed: socket instanceof TLSSocket && socket.isSessionReused() });
  known.add(socket);
  request.resume().on("end", () => {
    const closes = request.headers["x-close"] === undefined ? {} : { connection: "close" };
    response.writeHead(200, { "content-length": 13, ...closes }).end('{"Failed":[]}');
  });
});
let port = 0;
const trusted = getCACertificates();

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" ? (address?.port ?? 0) : 0;
});

afterEach(() => {
  setDefaultCACertificates(trusted);
  seen.splice(0);
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function clientTo(host: string) {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  const endpoint = `https://${host}:${port}`;
  const client = leanClient(new SQSClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 }));
  const send = () =>
    client.send(
      new SendMessageBatchCommand({ QueueUrl: `${endpoint}/0/jobs`, Entries: [{ Id: "0", MessageBody: "a" }] }),
    );
  return { client, send };
}

test("a connection is kept, and the next one goes on with its session", async () => {
  setDefaultCACertificates([...trusted, certificate]);
  const { client, send } = clientTo("localhost");
  await send();
  await send();
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign(Reflect.get(args.request as object, "headers"), { "x-close": "1" });
      return next(args);
    },
    { step: "build" },
  );
  await send();
  await send();
  client.destroy();
  expect(seen).toEqual([
    { isNew: true, isResumed: false },
    { isNew: false, isResumed: false },
    { isNew: false, isResumed: false },
    { isNew: true, isResumed: true },
  ]);
});

test("a server that nobody vouches for is refused", async () => {
  await expect(clientTo("localhost").send()).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  expect(seen).toEqual([]);
});

test("so is one of another name", async () => {
  setDefaultCACertificates([...trusted, certificate]);
  await expect(clientTo("127.0.0.1").send()).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  expect(seen).toEqual([]);
});
