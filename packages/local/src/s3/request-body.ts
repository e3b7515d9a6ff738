import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { WireRequest } from "../wire/http.ts";
import { s3Errors } from "./errors.ts";

/** A body as it was meant, and the checksum that came with it, to be given back with the object. */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  /** CRC-32 in Base64. */
  readonly crc32: string;
}

/** Checksums that are checked when they come; S3 knows more, which are taken as they are. */
const digests: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  "content-md5": (bytes) => hash("md5", bytes).digest("base64"),
  "x-amz-checksum-crc32": crc32Of,
  "x-amz-checksum-sha1": (bytes) => hash("sha1", bytes).digest("base64"),
  "x-amz-checksum-sha256": (bytes) => hash("sha256", bytes).digest("base64"),
};

/**
 * Reads the body of a PutObject, whole or in chunks with a trailer (`aws-chunked`), and checks what the request says of it:
 * length, checksums, the SHA-256 that it was signed with. Signatures are not checked. Errors: `BadDigest`,
 * `IncompleteBody`, `XAmzContentSHA256Mismatch`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export function receiveBody(request: Pick<WireRequest, "header">, raw: Buffer): ReceivedBody {
  const encoding = request.header("content-encoding") ?? "";
  const isChunked = /(?:^|,)\s*aws-chunked\s*(?:,|$)/.test(encoding);
  const { bytes, trailer } = isChunked ? joinChunks(raw) : { bytes: raw, trailer: new Map<string, string>() };
  const length = request.header("x-amz-decoded-content-length");
  if (length !== undefined && Number(length) !== bytes.length) throw s3Errors.incompleteBody();
  const signed = request.header("x-amz-content-sha256") ?? "";
  if (/^[0-9a-f]{64}$/.test(signed) && hash("sha256", raw).digest("hex") !== signed) throw s3Errors.otherHash();
  for (const [name, digest] of Object.entries(digests)) {
    const given = request.header(name) ?? trailer.get(name);
    if (given !== undefined && given !== digest(bytes)) throw s3Errors.badDigest(name);
  }
  return { bytes, crc32: crc32Of(bytes) };
}

/** `SIZE[;chunk-signature=…]\r\nBYTES\r\n`, until a chunk of none; then the trailer, `NAME:VALUE\r\n`. */
function joinChunks(raw: Buffer): { bytes: Buffer; trailer: Map<string, string> } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = raw.indexOf("\r\n", at);
    const [, hex] = /^([0-9a-f]{1,8})(?:;|$)/i.exec(raw.toString("latin1", at, Math.max(at, lineEnd))) ?? [];
    if (lineEnd < 0 || hex === undefined) throw s3Errors.incompleteBody();
    const size = Number.parseInt(hex, 16);
    const start = lineEnd + 2;
    if (size === 0) return { bytes: Buffer.concat(chunks), trailer: readTrailer(raw.toString("latin1", start)) };
    if (start + size + 2 > raw.length) throw s3Errors.incompleteBody();
    chunks.push(raw.subarray(start, start + size));
    at = start + size + 2;
  }
}

function readTrailer(text: string): Map<string, string> {
  const lines = text.split("\r\n").map((line) => /^([a-z0-9-]+):(.*)$/.exec(line));
  return new Map(lines.flatMap((line) => (line === null ? [] : [[line[1] ?? "", (line[2] ?? "").trim()]])));
}

function crc32Of(bytes: Uint8Array): string {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(bytes));
  return four.toString("base64");
}

const hash = (algorithm: string, bytes: Uint8Array): Hash => createHash(algorithm).update(bytes);
