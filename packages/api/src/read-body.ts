import { TendrilError } from "@tendril/core/errors";
import { longestMessageBytes, parseJsonObject } from "@tendril/core/message";

/**
 * The longest list of jobs, and the longest job where inputs may lie in S3, in bytes: what Lambda takes in one invocation, in which the text is escaped once more and has
 * the event around it, so that on AWS somewhat less arrives. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const longestListBytes = 6 * 1024 * 1024;

/**
 * Reads a request's body: a JSON object in UTF-8, of at most so many bytes, by default as many as a message may have
 * (1 MiB). A body that announces a length within that is read at once, any other no further than that. Errors: `content_type_unsupported`, `body_too_large`, `body_not_json`, `body_not_object`.
 */
export async function readJsonObject(
  request: Request,
  longestBytes = longestMessageBytes,
): Promise<Record<string, unknown>> {
  return parseJsonObject(await readText(request, { object: longestBytes, list: longestBytes }));
}

/** The same, or a list of at most `longestListBytes`. */
export async function readJsonObjectOrList(
  request: Request,
  longestBytes = longestMessageBytes,
): Promise<Record<string, unknown> | readonly unknown[]> {
  const text = await readText(request, { object: longestBytes, list: longestListBytes });
  return /^\s*\[/.test(text) ? parseList(text) : parseJsonObject(text);
}

function parseList(text: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list;
  } catch {
    // said below, without the text, which the error has
  }
  throw new TendrilError("body_not_json", {
    where: "body",
    given: `${text.length} characters that are not JSON`,
    allowed: 'a list such as [{"type": "…", "input": …}]',
  });
}

/**
 * The same as `readJsonObject` for what needs none: no body, whatever its content type, is an empty object.
 */
export async function readOptionalJsonObject(request: Request): Promise<Record<string, unknown>> {
  if (request.body === null) return {};
  return readJsonObject(request);
}

/** The longest body that is an object, and the longest that is a list, in bytes. */
interface Longest {
  readonly object: number;
  readonly list: number;
}

async function readText(request: Request, longest: Longest): Promise<string> {
  const { headers } = request;
  checkContentType(headers.get("content-type"));
  checkEncoding(headers.get("content-encoding"));
  const announced = headers.get("content-length") ?? "";
  const announcedBytes = /^\d{1,15}$/.test(announced) ? Number(announced) : undefined;
  if (announcedBytes !== undefined && announcedBytes > longest.list) throw tooLarge(announcedBytes, longest.list);
  // Servers and gateways hold a body to the length that it announced: then it is faster read as a whole.
  const isShort = announcedBytes !== undefined && announcedBytes <= longest.object;
  const body = isShort ? [new Uint8Array(await request.arrayBuffer())] : (request.body ?? []);
  return decode(await readBytes(body, longest, announcedBytes));
}

function checkContentType(given: string | null): void {
  if (/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i.test(given?.trim() ?? "")) return;
  throw new TendrilError("content_type_unsupported", {
    where: "content-type",
    given: given === null ? "none" : (/^[\w.+-]{1,60}\/[\w.+-]{1,60}/.exec(given)?.[0] ?? "another one"),
    allowed: "application/json, in UTF-8",
    fix: "Send the header `content-type: application/json`.",
  });
}

/** Nothing is unpacked: a few bytes may become any number. */
function checkEncoding(given: string | null): void {
  if (given === null || /^identity$/i.test(given.trim())) return;
  throw new TendrilError("content_type_unsupported", {
    where: "content-encoding",
    given: /^[\w-]{1,20}$/.exec(given)?.[0] ?? "another one",
    allowed: "none: a body that is not compressed",
    fix: "Send the body as it is; several lists, when one is too large.",
  });
}

/** Reads no further than the longest body: what begins as a list may be longer than a message. */
async function readBytes(
  body: ReadableStream<Uint8Array> | readonly Uint8Array[],
  { object, list }: Longest,
  announcedBytes: number | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let limit: number | undefined;
  for await (const chunk of body) {
    const first = limit === undefined ? chunk.find((byte) => !isSpace(byte)) : undefined;
    if (first !== undefined) limit = first === 0x5b ? list : object;
    length += chunk.length;
    if (length > (limit ?? object)) throw tooLarge(announcedBytes, limit ?? object);
    chunks.push(chunk);
  }
  const [only = new Uint8Array()] = chunks;
  return chunks.length < 2 ? only : Buffer.concat(chunks, length);
}

/** JSON's white space, and the bytes of a byte order mark. */
const isSpace = (byte: number): boolean => [0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].includes(byte);

const decoder = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TendrilError("body_not_json", {
      where: "body",
      given: `${bytes.length} bytes that are not UTF-8`,
      allowed: 'a JSON object in UTF-8, such as {"data": "…"}',
    });
  }
}

function tooLarge(givenBytes: number | undefined, longestBytes: number): TendrilError {
  const one = longestBytes === longestMessageBytes;
  return new TendrilError("body_too_large", {
    where: "body",
    given: givenBytes === undefined ? `more than ${longestBytes} bytes` : `${givenBytes} bytes`,
    allowed: one ? `at most ${longestBytes} bytes, SQS's longest message` : `at most ${longestBytes} bytes`,
    fix: one
      ? "Keep what is large elsewhere, in S3 for example, and send where it is."
      : "Send several lists, or keep what is large elsewhere.",
  });
}
