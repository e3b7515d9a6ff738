import { createHash, hash } from "node:crypto";
import type { MessageAttribute } from "./message.ts";

/** The MD5 digest of a text's UTF-8 bytes, in hex. */
export function md5OfText(text: string): string {
  return hash("md5", text);
}

/**
 * SQS's MD5 digest of message attributes, which the SDK's clients check; undefined for none.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const digest = createHash("md5");
  const updateWithLength = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    digest.update(length).update(bytes);
  };
  for (const name of names) {
    const { dataType = "", stringValue = "", binaryValue } = attributes[name] ?? {};
    updateWithLength(Buffer.from(name));
    updateWithLength(Buffer.from(dataType));
    digest.update(Buffer.from([binaryValue === undefined ? 1 : 2]));
    updateWithLength(binaryValue === undefined ? Buffer.from(stringValue) : Buffer.from(binaryValue, "base64"));
  }
  return digest.digest("hex");
}
