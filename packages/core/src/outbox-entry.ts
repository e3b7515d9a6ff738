import type { OutgoingMessage } from "./message.ts";

/**
 * A message as the ledger's `tendril.finish` takes it: JSON, one of a list. The body is in Base64 of its UTF-8, since JSON
 * in JSON in the Data API's JSON would grow; `toBase64` writes that, which each runtime does in its own way.
 */
export function outboxEntryJson(
  { id, queue, body, attributes, notBeforeMs, group }: OutgoingMessage,
  position: number,
  toBase64: (text: string) => string,
): string {
  return JSON.stringify({
    id,
    position,
    queue,
    body: toBase64(body),
    attributes,
    ...(notBeforeMs === undefined ? {} : { not_before: new Date(notBeforeMs).toISOString() }),
    ...(group === undefined ? {} : { message_group: group }),
  });
}
