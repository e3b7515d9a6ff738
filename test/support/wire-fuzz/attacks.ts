import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../random.ts";

/** What came back on a connection. */
export interface RawAnswer {
  /** Everything that was read until the end, or until nothing more came. */
  readonly text: string;
}

/** A way to speak HTTP badly. */
export interface Attack {
  readonly name: string;
  /** How many answers with status 200 must come; when it is left out, anything but a status of 500 or more may. */
  readonly answers?: number;
  run(socket: Socket, random: Random): Promise<void>;
}

const body = '{"QueueNamePrefix":"fuzz"}';
const head = (length: number | string = body.length, more = ""): string =>
  `POST / HTTP/1.1\r\nhost: a\r\nx-amz-target: AmazonSQS.ListQueues\r\ncontent-type: application/x-amz-json-1.0\r\n${more}content-length: ${length}\r\n\r\n`;
const chunked = head().replace(/content-length: \d+/, "transfer-encoding: chunked");

async function drip(socket: Socket, text: string, everyMs: number): Promise<void> {
  for (const letter of text) {
    socket.write(letter);
    await pause(everyMs);
  }
}

const write = (name: string, text: string | Buffer, answers?: number): Attack => ({
  name,
  ...(answers === undefined ? {} : { answers }),
  run: async (socket) => void socket.write(text),
});

/** Attacks by name; each gets a connection of its own. */
export const attacks: readonly [Attack, ...Attack[]] = [
  {
    name: "garbage",
    run: async (socket, random) =>
      void socket.end(Buffer.from(Array.from({ length: random.between(1, 3000) }, () => random.between(0, 255)))),
  },
  write("no HTTP version", "POST /\r\n\r\n"),
  write("HTTP/9.9", head().replace("HTTP/1.1", "HTTP/9.9") + body),
  write("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  write("TLS hello", Buffer.from("16030100a5010000a1030368656c6c6f", "hex")),
  write("headers of 100 KB", head(0, `x-long: ${"x".repeat(100_000)}\r\n`)),
  write("3,000 headers", head(0, "x-many: 1\r\n".repeat(3000))),
  write("a path of 60 KB", head(0).replace("POST /", `POST /${"x".repeat(60_000)}`)),
  write("a negative length", head(-1) + body),
  write("a length in letters", head("many") + body),
  write("two lengths", head(body.length, "content-length: 3\r\n") + body),
  write("a length and chunks", head(body.length, "transfer-encoding: chunked\r\n") + body),
  write("a huge length", head("99999999999999999999") + body),
  write("a chunk of no size", `${chunked}zz\r\n${body}\r\n0\r\n\r\n`),
  write("a chunk that lies", `${chunked}5\r\n${body}\r\n0\r\n\r\n`),
  write("a NUL in a header", head(0, "x-nul: a\u0000b\r\n")),
  write("line feeds alone", `${head().replaceAll("\r\n", "\n")}${body}`),
  write("a folded header", head(0, "x-folded: a\r\n b\r\n")),
  write("no host", head().replace("host: a\r\n", "") + body),
  write("CONNECT", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"),
  write("an upgrade", `GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`),
  write("an unknown expectation", head(body.length, "expect: miracles\r\n") + body),
  write("an absolute path", head().replace("POST /", "POST http://b/") + body, 1),
  write("chunks", `${chunked}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`, 1),
  write("20 requests at once", (head() + body).repeat(20), 20),
  write("a good one, then garbage", `${head()}${body}\u0000\u0001garbage\r\n\r\n`),
  { name: "half-closed", answers: 1, run: async (socket) => void socket.end(head() + body) },
  { name: "half-closed in the body", run: async (socket) => void socket.end(head(1000) + body) },
  { name: "slow headers", answers: 1, run: (socket) => drip(socket, head() + body, 2) },
  {
    name: "a slow body",
    answers: 1,
    async run(socket) {
      socket.write(head());
      await drip(socket, body, 20);
    },
  },
  {
    name: "headers that never end",
    async run(socket) {
      for (let count = 0; count < 40 && !socket.destroyed; count++) {
        socket.write(count === 0 ? head().slice(0, -2) : `x-more-${count}: ${"x".repeat(1000)}\r\n`);
        await pause(5);
      }
    },
  },
  {
    name: "a body that never ends",
    async run(socket) {
      socket.write(chunked);
      const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
      for (let count = 0; count < 200 && !socket.destroyed; count++) if (!socket.write(chunk)) await pause(2);
    },
  },
  {
    name: "a caller that goes away in a long poll",
    async run(socket, random) {
      const poll = '{"QueueUrl":"http://a/000000000000/fuzz-empty","WaitTimeSeconds":20}';
      socket.write(head(poll.length).replace("ListQueues", "ReceiveMessage") + poll);
      await pause(random.between(0, 50));
      socket.resetAndDestroy();
    },
  },
  {
    name: "a caller that reads nothing",
    async run(socket) {
      socket.pause();
      for (let count = 0; count < 300 && !socket.destroyed; count++) socket.write(head() + body);
      await pause(100);
      socket.resume();
    },
  },
];

/** Opens a connection, attacks, and reads until it ends or until nothing comes any more. */
export async function attackWith(attack: Attack, port: number, random: Random): Promise<RawAnswer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  let lastMs = Date.now();
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    lastMs = Date.now();
  });
  socket.on("error", () => {}); // the server may reset it
  const ended = new Promise<void>((resolve) => void socket.once("close", resolve).once("end", resolve));
  await attack.run(socket, random);
  const done = (): boolean => countOk(text) >= (attack.answers ?? Number.POSITIVE_INFINITY);
  const quietMs = attack.answers === undefined ? 150 : 5000;
  const startMs = Date.now();
  while (!done() && Date.now() - Math.max(lastMs, startMs) < quietMs) {
    if (await Promise.race([ended.then(() => true), pause(10)])) break;
  }
  socket.destroy();
  return { text };
}

/** How many answers with status 200 a text has. */
export const countOk = (text: string): number => text.split("HTTP/1.1 200 ").length - 1;
