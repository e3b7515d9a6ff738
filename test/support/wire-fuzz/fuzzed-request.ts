import { type Agent, request } from "node:http";
import { cluster } from "../durability/other-loads.ts";
import type { Random } from "../random.ts";
import { mangle, mutate } from "./mutate.ts";
import { type Known, operations, requestOf, validInput } from "./operations.ts";

/** What a request is made of, and where what comes of it is noted. */
export interface FuzzedRequest {
  readonly url: string;
  readonly known: Known;
  readonly random: Random;
  readonly agent: Agent;
  readonly problems: string[];
  readonly statuses: Record<string, number>;
  readonly succeeded: Set<string>;
}

/** A request of some operation: right, with a wrong input, with a wrong body, or with wrong headers. */
export async function fuzzedRequest(fuzzed: FuzzedRequest): Promise<void> {
  const { random, known, statuses } = fuzzed;
  const [first, ...rest] = operations;
  if (!first) return;
  const operation = random.pick([first, ...rest]);
  const right = validInput(operation, known, random);
  const kind = random.pick(["right", "input", "input", "input", "input", "body", "headers", "large"]);
  const input = kind === "input" ? mutate(right, random) : right;
  const made = requestOf(operation, input);
  const headers = kind === "headers" ? wrongHeaders(made.headers, random) : made.headers;
  const body =
    kind === "body" ? mangle(made.body, random) : kind === "large" ? largeBody(made.body, random) : made.body;
  const path = kind === "headers" && random.chance(0.2) ? `${made.path}/%ff?${"x".repeat(100)}` : made.path;
  const method =
    kind === "headers" && random.chance(0.2)
      ? random.pick(["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
      : made.method;
  const answer = await send(fuzzed, { method, path, headers, body });
  statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  if (answer.status === 200 && kind === "right") fuzzed.succeeded.add(operation.name);
  if (operation.name === "BeginTransaction" && answer.status === 200) await rollBack(fuzzed, answer.text);
  const problem = problemOf(answer, { method, path });
  if (problem === undefined) return;
  const shown = `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 300)} ${body.toString("utf8").slice(0, 600)}`;
  fuzzed.problems.push(`${operation.name}: ${problem}\n  asked: ${shown}`);
}

/** Open transactions hold connections for three minutes; that there are no more of them is no fault. */
async function rollBack(fuzzed: FuzzedRequest, begun: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ ...cluster, ...JSON.parse(begun) });
  await send(fuzzed, { method: "POST", path: "/RollbackTransaction", headers, body });
}

function wrongHeaders(headers: Record<string, string>, random: Random): Record<string, string> {
  const wrong: Record<string, string> = { ...headers };
  const target = headers["x-amz-target"] ?? "AmazonSQS.SendMessage";
  switch (random.between(0, 6)) {
    case 0:
      return {
        ...wrong,
        "x-amz-target": random.pick([
          "",
          ".",
          "AmazonSQS.",
          "AmazonSQS.Nonsense",
          `${target}.${target}`,
          "DynamoDB_20120810.PutItem",
          "x".repeat(5000),
        ]),
      };
    case 1:
      delete wrong["x-amz-target"];
      return wrong;
    case 2:
      return {
        ...wrong,
        "content-type": random.pick([
          "",
          "text/xml",
          "application/x-www-form-urlencoded",
          "application/json; charset=utf-16",
          "x".repeat(3000),
        ]),
      };
    case 3:
      return {
        ...wrong,
        authorization:
          "AWS4-HMAC-SHA256 Credential=AKID/20260101/mars-north-1/sqs/aws4_request, SignedHeaders=host, Signature=00",
      };
    case 4:
      return {
        ...wrong,
        authorization: random.pick(["", "Basic", "AWS4-HMAC-SHA256", "\u00ff".repeat(50)]),
        "x-amz-date": "yesterday",
      };
    case 5:
      return { ...wrong, "content-encoding": "gzip", "accept-encoding": "br;q=nan" };
    default:
      return {
        ...wrong,
        origin: random.pick(["https://example.com", "null", "not a url"]),
        "x-amz-security-token": "",
      };
  }
}

/** A body of 2 or 5 MB: garbage, or the right one with a long text in it. */
function largeBody(right: string, random: Random): Buffer {
  const size = random.pick([2, 5]) * 1024 * 1024;
  if (random.chance(0.3)) return Buffer.alloc(size, "x");
  return Buffer.from(right.replace(/"word"|"[^"]*"(?=})/, () => JSON.stringify("x".repeat(size))));
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function send({ url, agent }: FuzzedRequest, { method, path, headers, body }: Asked): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ status: 0, headers: {}, text: error.message });
    const { hostname, port } = new URL(url);
    const call = request(
      {
        hostname,
        port,
        method,
        path,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        agent,
        timeout: 40_000,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on("error", failed);
      },
    );
    call.on("error", failed).on("timeout", () => call.destroy(new Error("no answer in 40 s")));
    call.end(body);
  });
}

/** What is wrong with an answer: everything but success and an error as AWS has them. */
function problemOf(
  { status, headers, text }: Answer,
  { method, path }: Pick<Asked, "method" | "path">,
): string | undefined {
  // Node's server answers a long path with 431 and resets the connection, which the client may see first.
  if (status === 0 && path.length > 15_000) return undefined;
  if (status === 0) return `no answer: ${text}`;
  if (status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  if (method === "HEAD" || status === 431) return undefined;
  if (headers["x-amzn-requestid"] === undefined && status !== 400) return `status ${status} without a request id`;
  let json: unknown;
  try {
    json = text === "" ? {} : JSON.parse(text);
  } catch {
    return `status ${status} with a body that is no JSON: ${text.slice(0, 300)}`;
  }
  if (status === 200) return undefined;
  const type =
    headers["x-amzn-errortype"] ??
    (typeof json === "object" && json !== null && "__type" in json ? json.__type : undefined);
  return typeof type === "string" && /[A-Za-z]/.test(type)
    ? undefined
    : `status ${status} without an error's name: ${text.slice(0, 300)}`;
}
