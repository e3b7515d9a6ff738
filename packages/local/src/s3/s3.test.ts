import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { listen, type WireServer } from "../wire/server.ts";
import { openS3, type S3 } from "./service.ts";

let dir: string;
let clock: VirtualClock;
let s3: S3;
let server: WireServer;

const dayMs = 86_400_000;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "s3-"));
  clock = virtualClock(Date.parse("2026-11-20T10:00:00Z"));
  await start();
  await s3.keepBucket("inputs", 10);
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true });
});

async function start(): Promise<void> {
  s3 = openS3({ clock, dir });
  server = await listen([s3.service], { port: 0, maxBodyBytes: 1000 });
}

async function restart(): Promise<void> {
  await server.close();
  await start();
}

const signed = {
  authorization:
    "AWS4-HMAC-SHA256 Credential=local/20261120/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
};

async function ask(
  method: string,
  path: string,
  init: { body?: string | Buffer; headers?: Record<string, string> } = {},
) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...signed, ...init.headers },
    ...(init.body === undefined ? {} : { body: Buffer.from(init.body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const codeOf = ({ body }: { body: string }): string | undefined => /<Code>(.*)<\/Code>/.exec(body)?.[1];

const crc32Of = (text: string): string => {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(text));
  return four.toString("base64");
};

describe("an object", () => {
  test("is given back as it came, with its checksum, after a restart too", async () => {
    const put = await ask("PUT", "/inputs/a/b%20c%2Fd?x-id=PutObject", {
      body: "grün",
      headers: { "content-type": "text/plain" },
    });
    expect(put.status).toBe(200);
    const etag = `"${createHash("md5").update("grün").digest("hex")}"`;
    expect(put.headers.get("etag")).toBe(etag);
    await restart();
    for (const path of ["/inputs/a/b%20c/d", "/inputs/a/b c/d"]) {
      const got = await ask("GET", path);
      expect([got.status, got.body]).toEqual([200, "grün"]);
      expect(Object.fromEntries(got.headers)).toMatchObject({
        etag,
        "content-type": "text/plain",
        "last-modified": "Fri, 20 Nov 2026 10:00:00 GMT",
        "x-amz-checksum-crc32": crc32Of("grün"),
      });
    }
  });

  test("is told of by HEAD, without its bytes", async () => {
    await ask("PUT", "/inputs/a", { body: "12345" });
    const head = await ask("HEAD", "/inputs/a");
    expect([head.status, head.headers.get("content-length"), head.body]).toEqual([200, "5", ""]);
    expect((await ask("HEAD", "/inputs/b")).status).toBe(404);
  });

  test("takes the place of another one, and can be deleted, twice", async () => {
    await ask("PUT", "/inputs/a", { body: "one" });
    await ask("PUT", "/inputs/a", { body: "two" });
    expect((await ask("GET", "/inputs/a")).body).toBe("two");
    expect((await ask("DELETE", "/inputs/a")).status).toBe(204);
    expect((await ask("DELETE", "/inputs/a")).status).toBe(204);
    const gone = await ask("GET", "/inputs/a");
    expect([gone.status, codeOf(gone)]).toEqual([404, "NoSuchKey"]);
  });

  test("is gone when its days are over, and off the disk at the next start", async () => {
    await ask("PUT", "/inputs/old", { body: "old" });
    await clock.advance(9 * dayMs);
    await ask("PUT", "/inputs/new", { body: "new" });
    expect((await ask("GET", "/inputs/old")).status).toBe(200);
    await clock.advance(dayMs);
    expect((await ask("GET", "/inputs/old")).status).toBe(404);
    expect(await readdir(join(dir, "inputs"))).toHaveLength(2);
    await s3.keepBucket("inputs", 10);
    expect(await readdir(join(dir, "inputs"))).toHaveLength(1);
    expect((await ask("GET", "/inputs/new")).body).toBe("new");
  });

  test("that was being written when the process was killed is none, and is cleared away", async () => {
    await ask("PUT", "/inputs/a", { body: "whole" });
    const [name] = await readdir(join(dir, "inputs"));
    await writeFile(join(dir, "inputs", `${name}.1234`), '{"key":"a"');
    await restart();
    expect((await ask("GET", "/inputs/a")).body).toBe("whole");
    await s3.keepBucket("inputs", 10);
    expect(await readdir(join(dir, "inputs"))).toEqual([name]);
  });

  test("may be larger than the requests of other services", async () => {
    const body = Buffer.alloc(3_000_000, "x");
    expect((await ask("PUT", "/inputs/a", { body })).status).toBe(200);
    expect((await ask("GET", "/inputs/a")).body).toHaveLength(3_000_000);
    const tooLarge = await ask("PUT", "/inputs/a", { body: Buffer.alloc(64 * 1024 * 1024 + 1) });
    expect([tooLarge.status, codeOf(tooLarge)]).toEqual([413, "RequestEntityTooLargeException"]);
  });
});

describe("a body in chunks", () => {
  const chunked = (trailer: string, first = "5") =>
    `${first}\r\nhello\r\n6;chunk-signature=00\r\n world\r\n0\r\n${trailer}\r\n\r\n`;
  const headers = {
    "content-encoding": "aws-chunked",
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-decoded-content-length": "11",
    "x-amz-trailer": "x-amz-checksum-crc32",
  };

  test("is joined, and checked by its trailer", async () => {
    const body = chunked(`x-amz-checksum-crc32:${crc32Of("hello world")}`);
    expect((await ask("PUT", "/inputs/a", { body, headers })).status).toBe(200);
    expect((await ask("GET", "/inputs/a")).body).toBe("hello world");
  });

  test.each([
    ["another checksum", chunked(`x-amz-checksum-crc32:${crc32Of("hello")}`), headers, "BadDigest"],
    ["another length", chunked(""), { ...headers, "x-amz-decoded-content-length": "12" }, "IncompleteBody"],
    ["a chunk that is cut", chunked("").slice(0, 15), headers, "IncompleteBody"],
    ["a size that is none", chunked("", "five"), headers, "IncompleteBody"],
    ["no last chunk", "5\r\nhello\r\n", headers, "IncompleteBody"],
  ])("with %s is refused, and nothing is kept", async (_, body, given, code) => {
    const put = await ask("PUT", "/inputs/a", { body, headers: given });
    expect([put.status, codeOf(put)]).toEqual([400, code]);
    expect((await ask("GET", "/inputs/a")).status).toBe(404);
  });
});

test.each([
  ["a CRC-32", { "x-amz-checksum-crc32": crc32Of("b") }, "BadDigest"],
  ["a SHA-256", { "x-amz-checksum-sha256": createHash("sha256").update("b").digest("base64") }, "BadDigest"],
  ["an MD5", { "content-md5": createHash("md5").update("b").digest("base64") }, "BadDigest"],
  ["the hash that was signed", { "x-amz-content-sha256": "0".repeat(64) }, "XAmzContentSHA256Mismatch"],
])("%s of other bytes is refused, and nothing is kept", async (_, headers, code) => {
  const put = await ask("PUT", "/inputs/a", { body: "a", headers });
  expect([put.status, codeOf(put)]).toEqual([400, code]);
  expect((await ask("GET", "/inputs/a")).status).toBe(404);
});

test.each([
  ["an object of no bucket", "GET", "/other/a", {}, 404, "NoSuchBucket"],
  ["a bucket that there is", "PUT", "/inputs", {}, 409, "BucketAlreadyOwnedByYou"],
  ["a bucket outside of the folder", "PUT", "/..%2Fother", {}, 400, "InvalidBucketName"],
  ["a key that is too long", "PUT", `/inputs/${"k".repeat(1025)}`, {}, 400, "KeyTooLongError"],
  ["a key that is no text", "GET", "/inputs/%FF", {}, 400, "InvalidURI"],
  ["a list of objects", "GET", "/inputs?list-type=2", {}, 501, "NotImplemented"],
  ["a part of an upload", "PUT", "/inputs/a?partNumber=1&uploadId=2", {}, 501, "NotImplemented"],
  ["a part of an object", "GET", "/inputs/a", { range: "bytes=0-1" }, 501, "NotImplemented"],
  ["a copy", "PUT", "/inputs/a", { "x-amz-copy-source": "inputs/b" }, 501, "NotImplemented"],
  ["a condition", "PUT", "/inputs/a", { "if-none-match": "*" }, 501, "NotImplemented"],
])("%s is refused as S3 refuses it, in XML", async (_, method, path, headers, status, code) => {
  const answer = await ask(method, path, { headers });
  expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  expect(answer.headers.get("content-type")).toBe("application/xml");
});

test("a bucket can be made, and asked for", async () => {
  expect((await ask("HEAD", "/mine")).status).toBe(404);
  expect((await ask("PUT", "/mine")).status).toBe(200);
  expect((await ask("HEAD", "/mine")).status).toBe(200);
  expect((await ask("PUT", "/mine/a", { body: "a" })).status).toBe(200);
});

test("only what is signed for S3 is its own: a queue's or a schedule's path is no bucket", async () => {
  const authorization = signed.authorization.replace("/s3/", "/scheduler/");
  const answer = await ask("GET", "/inputs/a", { headers: { authorization } });
  expect(answer.body).toContain("UnknownOperationException");
});
