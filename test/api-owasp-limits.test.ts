/** OWASP's API Security Top 10 of 2023, row by row: what is taken from callers and from what is behind the API. https://owasp.org/API-Security/editions/2023/en/0x11-t10/ */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { tokenAccess } from "@tendril/api/bearer";
import { createSender } from "@tendril/client/sender";
import { newJobId } from "@tendril/core/job-id";
import { describe, expect, test } from "vitest";
import { secret, textOf, useOwaspBench } from "./support/owasp-bench.ts";

const { ask, bench, deadJob, json, passing, post, postNote, room } = useOwaspBench();

describe("API4: unrestricted resource consumption", () => {
  const send = async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    bench.api.request("/jobs", { method: "POST", headers: { ...json("all"), ...headers }, body });
  const nested = (depth: number) => `{"type": "Bag", "input": ${"[".repeat(depth)}${"]".repeat(depth)}}`;

  test.each<[string, () => Promise<{ readonly status: number }>, number]>([
    ["a body of more than 1 MiB", () => send(JSON.stringify({ type: "Note", input: "x".repeat(1024 * 1024) })), 413],
    ["a list of more than 6 MiB", () => send(`[${" ".repeat(6 * 1024 * 1024)}]`), 413],
    ["a list of 1,001 jobs", () => post(Array.from({ length: 1001 }, () => ({}))), 422],
    ["an empty list", () => post([]), 422],
    ["JSON that is nested 101 deep", () => send(nested(101)), 422],
    ["JSON that is nested 100,000 deep", () => send(nested(100_000)), 422],
    ["a page of 101", () => ask("GET", "/jobs?limit=101"), 400],
    ["a page of dead letters of 101", () => ask("GET", "/queues/jobs/dead-letters?limit=101"), 400],
    ["a wait of more than 25 seconds", () => ask("GET", `/jobs/${newJobId(0, new Uint8Array(16))}?wait=26s`), 400],
    ["a wait without end", () => ask("GET", `/jobs/${newJobId(0, new Uint8Array(16))}?wait=1e9s`), 400],
    [
      "a thousand and one ids to drop",
      () =>
        ask("POST", "/queues/jobs/dead-letters/drop", { job_ids: Array(1001).fill(newJobId(0, new Uint8Array(16))) }),
      422,
    ],
    ["a zip bomb", () => send(gzipSync(Buffer.alloc(5_000_000, " ")), { "content-encoding": "gzip" }), 415],
    ["a body that says it is shorter than it is", () => send("x".repeat(2_000_000), { "content-length": "2" }), 413],
    ["a key of 256 characters", () => post({ type: "Note", input: "x", key: "k".repeat(256) }), 422],
    ["a query of a thousand parameters", () => ask("GET", `/jobs?${"state=done&".repeat(1000)}`), 400],
  ])("%s is refused", async (_name, send, status) => {
    expect((await send()).status).toBe(status);
    expect(await room.queue.count()).toBe(0);
  });

  test("a body without end is read no further than the longest, and let go", async () => {
    let read = 0;
    let isLetGo = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel() {
        isLetGo = true;
      },
    });
    const request = new Request("http://localhost/jobs", {
      method: "POST",
      headers: json("all"),
      body: endless,
      duplex: "half",
    });
    expect((await bench.api.request(request)).status).toBe(413);
    expect(isLetGo).toBe(true);
    expect(read).toBeLessThan(2 * 1024 * 1024);
  });

  test("a caller that asks too often is told when to come back, and costs no call of AWS", async () => {
    bench.use({ access: tokenAccess(secret), throttle: { rate: 1, burst: 2 }, now: () => 0 });
    const answers = [await ask("GET", "/queues"), await ask("GET", "/queues")];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    room.calls();
    const refused = await ask("GET", "/queues");
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(room.calls()).toEqual({ database: [], sqs: [] });
  });
});

describe("API6: unrestricted access to sensitive business flows", () => {
  test("a request that is sent again and again with its key is one job, which runs once", async () => {
    const again = () => post({ type: "Note", input: "pay" }, { "idempotency-key": "order-1" });
    const answers = await Promise.all(Array.from({ length: 20 }, again));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answers.map(({ body }) => String(body.job_id)));
    expect(ids.size).toBe(1);
    for (let batch = 0; batch < 3; batch += 1) await room.work();
    expect(await room.notesOf([...ids][0] ?? "")).toEqual(["pay"]);
    const other = await post({ type: "Note", input: "pay more" }, { "idempotency-key": "order-1" });
    expect(other).toMatchObject({ status: 422, body: { code: "key_conflict" } });
    expect(await room.queue.count()).toBe(0);
  });

  test("dead letters go by what was named alone, which is counted in the answer and in the log with who did it", async () => {
    const left = await deadJob("first");
    const id = await deadJob("second");
    expect((await ask("POST", "/queues/jobs/dead-letters/drop", {})).status).toBe(422);
    expect((await ask("POST", "/queues/jobs/dead-letters/drop", { all: "yes" })).status).toBe(422);
    const dropped = await passing(ask("POST", "/queues/jobs/dead-letters/drop", { job_ids: [id] }, "operate"));
    expect(dropped).toMatchObject({ status: 200, body: { dropped: 1, failed: [] } });
    expect(bench.lines.at(-1)).toMatchObject({
      message: "dead letters dropped",
      facts: { dropped: 1, caller: "token 4" },
    });
    await room.sqs.clock.advance(60_000); // until what was looked at is seen again
    const redriven = await passing(ask("POST", "/queues/jobs/dead-letters/redrive", { job_ids: [left] }, "operate"));
    expect(redriven).toMatchObject({ status: 200, body: { redriven: 1, failed: [] } });
    expect(bench.lines.at(-1)).toMatchObject({
      message: "dead letters redriven",
      facts: { redriven: 1, caller: "token 4" },
    });
    expect(await room.queue.count()).toBe(1);
  });
});

describe("API7: server side request forgery", () => {
  test("no address of a caller's is ever asked, wherever it stands", async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${address.port}/internal`;
    const named = [
      "host",
      "x-forwarded-host",
      "forwarded",
      "origin",
      "referer",
      "callback",
      "x-callback-url",
      "location",
      "x-amz-sqs-queue-url",
      "tendril.claim",
    ];
    const headers = Object.fromEntries(
      named.map((name) => [name, name === "host" ? `127.0.0.1:${address.port}` : url]),
    );
    const before = room.calls() && room.sqsWire.calls.length;
    const claim = { "tendril.claim": url, url, bucket: url, key: url, $ref: url };
    const accepted = [
      await post({ type: "Note", input: url }, headers),
      await post({ type: "Bag", input: claim, key: url.slice(7) }, headers),
    ];
    expect(accepted.map(({ status }) => status)).toEqual([202, 202]);
    for (const answer of accepted) expect(answer.headers.get("location")).toBe(`/jobs/${answer.body.job_id}`);
    expect((await post({ type: "Note", input: "x", queue: url })).status).toBe(404);
    expect((await post({ type: url, input: "x" })).status).toBe(404);
    for (const path of [
      `/queues/${encodeURIComponent(url)}`,
      `/jobs/${encodeURIComponent(url)}`,
      `/jobs?cursor=${encodeURIComponent(url)}`,
      `/openapi.json?url=${url}`,
      `/${url}`,
    ]) {
      await ask("GET", path);
    }
    await room.work();
    const sent = room.sqsWire.calls.slice(before).filter(({ action }) => action === "SendMessageBatch");
    expect(sent.map(({ body }) => JSON.parse(body).QueueUrl)).toEqual([room.queue.url, room.queue.url]);
    for (const { body } of sent)
      expect(Object.keys(JSON.parse(body).Entries[0].MessageAttributes)).toEqual(["tendril.job_id"]);
    expect(asked).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("API10: unsafe consumption of APIs", () => {
  test.each<[string, object]>([
    ["an empty object", {}],
    ["no entries", { Successful: [], Failed: [] }],
    ["another entry's id", { Successful: [{ Id: "7", MessageId: "x", MD5OfMessageBody: "x" }] }],
    ["texts for lists", { Successful: "yes", Failed: "no" }],
    ["a failure without a word", { Failed: [{ Id: "0" }] }],
    ["a list", []],
    ["a name of every object's", { __proto__: { Successful: [{ Id: "0" }] }, constructor: 1 }],
  ])("an answer of SQS's that says nothing of a job is no word that it was taken: %s", async (_name, said) => {
    bench.use({ sender: createSender({ sqs: bench.sqs, queues: queuesOf(), sleep: async () => {} }) });
    room.sqsWire.decide(() => ({ status: 200, json: said }));
    expect(await post({ type: "Note", input: "x" })).toMatchObject({ status: 502, body: { code: "aws_call_failed" } });
    expect(await post([{ type: "Note", input: "x" }])).toMatchObject({
      status: 207,
      body: { accepted: 0, jobs: [{ status: 502 }] },
    });
    room.sqsWire.decide(() => "pass");
    expect((await post({ type: "Note", input: "x" })).status).toBe(202);
  });

  test.each<[string, object, number]>([
    ["an empty object", {}, 200],
    ["texts for rows", { formattedRecords: "x", records: "x", columnMetadata: 7 }, 503],
    ["rows without columns", { records: [[{ longValue: 1 }]] }, 200],
    ["rows of another shape", { columnMetadata: [{ name: "a" }], records: [[{ stringValue: "b" }]] }, 200],
  ])(
    "of an answer of the Data API's its rows as JSON are read alone: without them it has none, and what is no JSON is a database that is away: %s",
    async (_name, said, status) => {
      const id = await postNote("x");
      room.local.wire.decide(() => ({ status: 200, json: said }));
      for (const path of [`/jobs/${id}`, "/jobs"]) {
        const answer = await ask("GET", path);
        expect([path, answer.status]).toEqual([path, status]);
        expect(textOf(answer.body)).not.toMatch(/TypeError|undefined| at /);
      }
      room.local.wire.decide(() => "pass");
      expect((await ask("GET", `/jobs/${id}`)).body.state).toBe("queued");
    },
  );
});

const queuesOf = () => ({ jobs: { url: room.queue.url, deadLetterUrl: room.queue.deadLetterUrl } });
