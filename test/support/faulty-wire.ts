import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A call that passes through: `POST /Execute` with its body. */
export interface PassingCall {
  readonly path: string;
  /** What AWS is to do: the call's `X-Amz-Target` without its service (`SendMessage`), else its path without the slash (`Execute`). */
  readonly action: string;
  readonly body: string;
}

/** What happens to a call: it passes, its answer is lost after it was run, it never arrives, or it is answered for. */
export type Fate =
  | "pass"
  | "lose the answer"
  | "lose the call"
  | { readonly status: number; readonly error: string }
  | { readonly status: number; readonly json: object };

/** A promise holds the call up. */
export type Decision = (call: PassingCall) => Fate | Promise<Fate>;

/** A wire between a client and a server of this machine that does to calls what networks do. */
export interface FaultyWire {
  readonly url: string;
  /** Every call so far, also those that were lost. */
  readonly calls: readonly PassingCall[];
  /** Decides on each call from now on; at first all pass. */
  decide(fateOf: Decision): void;
  /** Loses the answer of the first call that fits; all others pass. */
  loseAnswerOf(fits: (call: PassingCall) => boolean): void;
  close(): Promise<void>;
}

export async function openFaultyWire(targetUrl: string): Promise<FaultyWire> {
  const calls: PassingCall[] = [];
  let fateOf: Decision = () => "pass";
  const server = createServer((incoming, response) => {
    void readText(incoming).then(async (body) => {
      const call = { path: incoming.url ?? "", action: actionOf(incoming), body };
      calls.push(call);
      const fate = await fateOf(call);
      if (fate === "lose the call") response.destroy();
      else if (typeof fate === "object") answer(response, fate);
      else forward(targetUrl, incoming, body, response, fate);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    decide: (decision) => {
      fateOf = decision;
    },
    loseAnswerOf: (fits) => {
      let isLost = false;
      fateOf = (call) => {
        if (isLost || !fits(call)) return "pass";
        isLost = true;
        return "lose the answer";
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function actionOf({ url = "", headers }: IncomingMessage): string {
  const target = headers["x-amz-target"];
  return typeof target === "string" ? target.slice(target.indexOf(".") + 1) : url.slice(1);
}

/** What a call is answered with that AWS does not see. */
export function answerOf(fate: Fate & object): { status: number; headers: Record<string, string>; body: string } {
  const type = { "content-type": "application/json" };
  if ("json" in fate) return { status: fate.status, headers: type, body: JSON.stringify(fate.json) };
  const { status, error } = fate;
  const body = JSON.stringify({ message: `answered with ${error}` });
  return { status, headers: { ...type, "x-amzn-errortype": error }, body };
}

function answer(response: ServerResponse, fate: Fate & object): void {
  const { status, headers, body } = answerOf(fate);
  response.writeHead(status, headers).end(body);
}

function forward(
  targetUrl: string,
  incoming: IncomingMessage,
  body: string,
  response: ServerResponse,
  fate: "pass" | "lose the answer",
): void {
  const { method, headers, url } = incoming;
  const onward = request(new URL(url ?? "/", targetUrl), { method, headers }, (reply) => {
    void readText(reply).then((text) => {
      if (fate === "lose the answer") response.destroy();
      else response.writeHead(reply.statusCode ?? 500, reply.headers).end(text);
    });
  });
  onward.on("error", () => response.destroy());
  onward.end(body);
}

async function readText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
