/** The floor: the same requests, signed and sent with nothing between. */
import { createHash, createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { batch, beginning, committing, statement } from "./calls.ts";

const agent = new Agent({ keepAlive: true });
const secret = process.env.AWS_SECRET_ACCESS_KEY ?? "";
const token = process.env.AWS_SESSION_TOKEN ?? "";
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const keys = new Map<string, Buffer>();

function keyOf(day: string, service: string): Buffer {
  const name = `${day}${service}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = ["us-east-1", service, "aws4_request"].reduce(hmac, hmac(`AWS4${secret}`, day));
  keys.set(name, key);
  return key;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function call(
  url: string,
  path: string,
  service: string,
  input: unknown,
  more: Record<string, string>,
): Promise<unknown> {
  const body = JSON.stringify(input);
  const { hostname, port, host } = new URL(url);
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const headers: Record<string, string> = { ...more, host, "x-amz-date": date, "x-amz-security-token": token };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  const scope = `${date.slice(0, 8)}/us-east-1/${service}/aws4_request`;
  const canonical = `POST\n${path}\n\n${lines}\n${names.join(";")}\n${sha256(body)}`;
  const signature = hmac(keyOf(date.slice(0, 8), service), `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`);
  const credential = `Credential=${process.env.AWS_ACCESS_KEY_ID}/${scope}`;
  headers.authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(";")}, Signature=${signature.toString("hex")}`;
  headers["content-length"] = String(Buffer.byteLength(body));
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method: "POST", headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(JSON.parse(text)));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const rdsData = process.env.AWS_ENDPOINT_URL_RDS_DATA ?? "";
const sqs = process.env.AWS_ENDPOINT_URL_SQS ?? "";
const json = { "content-type": "application/json" };
const sending = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessageBatch" };

export const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  execute: () => call(rdsData, "/Execute", "rds-data", statement, json),
  transaction: async () => {
    await call(rdsData, "/BeginTransaction", "rds-data", beginning, json);
    await call(rdsData, "/CommitTransaction", "rds-data", committing, json);
  },
  send: () => call(sqs, "/", "sqs", batch, sending),
};
