import { TendrilError } from "@tendril/core/errors";
import { longestMessageBytes, parseJsonObject } from "@tendril/core/message";

/**
 * Reads a request's body: a JSON object in UTF-8, at most as long as a message may be (1 MiB), of which no more is read
 * than that. Errors: `content_type_unsupported`, `body_too_large`, `body_not_json`, `body_not_object`.
 */
export async function readJsonBody(request: Request): Promise<Record<string, unknown>> {
  checkContentType(request.headers.get("content-type"));
  const announcedBytes = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announcedBytes > longestMessageBytes) throw tooLarge(`${announcedBytes} bytes`);
  return parseJsonObject(decode(await readBytes(request.body)));
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

async function readBytes(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > longestMessageBytes) throw tooLarge(`more than ${longestMessageBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new TendrilError("body_not_json", {
      where: "body",
      given: `${bytes.length} bytes that are not UTF-8`,
      allowed: 'a JSON object in UTF-8, such as {"data": "…"}',
    });
  }
}

function tooLarge(given: string): TendrilError {
  return new TendrilError("body_too_large", {
    where: "body",
    given,
    allowed: `at most ${longestMessageBytes} bytes, SQS's longest message`,
    fix: "Keep what is large elsewhere, in S3 for example, and send where it is.",
  });
}
