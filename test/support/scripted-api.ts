import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { errorCatalogue } from "@tendril/core/errors";
import { afterAll, beforeAll, beforeEach } from "vitest";

/** What the API was asked. */
export interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly json: unknown;
}

/** What the API answers; "lost": the connection ends when the request has been read. */
export type Answer =
  | "lost"
  | { readonly status: number; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** A server on a port of its own that answers as it was told. */
export interface ScriptedApi {
  readonly url: string;
  /** What it was asked in this test. */
  readonly asked: Asked[];
  /** Gives the answers in turn from now on, the last one again and again. */
  answer(...answers: readonly (Answer | ((asked: Asked) => Answer))[]): void;
}

/** Makes the server of a test file: to be called once, outside of tests. */
export function useScriptedApi(): ScriptedApi {
  let asked: Asked[] = [];
  let answers: (Answer | ((asked: Asked) => Answer))[] = [];
  let url = "";
  const server = createServer((request, response) => {
    void readText(request).then((text) => {
      const { method, url, headers } = request;
      const given = { method, url, headers, json: text === "" ? undefined : JSON.parse(text) };
      asked.push(given);
      const next = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 404 };
      const answer = typeof next === "function" ? next(given) : next;
      if (answer === "lost") return void request.socket.destroy();
      response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.json));
    });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    [asked, answers] = [[], []];
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    get url() {
      return url;
    },
    get asked() {
      return asked;
    },
    answer(...given) {
      answers = [...given];
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** Problem details as the API writes them. */
export function problemOf(code: keyof typeof errorCatalogue, facts = {}): object {
  const { status, title } = errorCatalogue[code];
  return { type: `urn:tendril:error:${code}`, title, status, detail: `${title}.`, code, ...facts };
}
