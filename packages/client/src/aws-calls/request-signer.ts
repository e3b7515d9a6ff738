import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

/** What is needed of a request that is to be signed. The SDK makes it for one call. */
export interface SignableRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

/** Who signs. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** When, and for whom. */
export interface Signing {
  readonly signedAt: Date;
  readonly region: string;
  readonly service: string;
}

/** Signs a request: sets its headers. */
export type SignRequest = (request: SignableRequest, credentials: SigningCredentials, signing: Signing) => void;

/** Whether `createRequestSigner` signs a request: one with a plain path, no query, and a body of text or bytes. */
export function isPlain({ path, query, body }: SignableRequest): boolean {
  for (const _ in query) return false;
  const isText = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  return isText && /^\/(?:[\w-]+\/?)*$/.test(path);
}

/**
 * Makes a signer of Signature Version 4. It signs the host, the content type and every `x-amz-` header, which is what AWS
 * asks for; the others may be changed on their way. The key of the day is derived once, and Node is given it in its own form:
 * a key of bytes costs it six times the signature.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function createRequestSigner(): SignRequest {
  let keyName: string | undefined;
  let key: KeyObject | undefined;
  const keyOf = (secret: string, day: string, region: string, service: string): KeyObject => {
    const name = `${secret} ${day} ${region} ${service}`;
    if (key === undefined || name !== keyName) {
      key = deriveKey(secret, [day, region, service, "aws4_request"]);
      keyName = name;
    }
    return key;
  };
  return ({ method, path, headers, body = "" }, { accessKeyId, secretAccessKey, sessionToken }, signing) => {
    const { signedAt, region, service } = signing;
    const time = `${signedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
    headers["x-amz-date"] = time;
    if (sessionToken === undefined) delete headers["x-amz-security-token"];
    else headers["x-amz-security-token"] = sessionToken;
    const names = Object.keys(headers).filter(isSigned).sort();
    const lines = names.map((name) => `${name}:${headers[name]?.trim().replaceAll(/ +/g, " ")}\n`).join("");
    const signedNames = names.join(";");
    const bodyHash = hash("sha256", typeof body === "string" || body instanceof Uint8Array ? body : "");
    const canonical = `${method}\n${path}\n\n${lines}\n${signedNames}\n${bodyHash}`;
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/${service}/aws4_request`;
    const signature = createHmac("sha256", keyOf(secretAccessKey, day, region, service))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash("sha256", canonical)}`)
      .digest("hex");
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=${signature}`;
  };
}

const isSigned = (name: string): boolean => name === "host" || name === "content-type" || name.startsWith("x-amz-");

function deriveKey(secret: string, parts: readonly string[]): KeyObject {
  let key: string | Buffer = `AWS4${secret}`;
  for (const part of parts) key = createHmac("sha256", key).update(part).digest();
  return createSecretKey(Buffer.from(key));
}
