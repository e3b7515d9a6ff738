/** OWASP's API Security Top 10 of 2023, row by row: who may do what. https://owasp.org/API-Security/editions/2023/en/0x11-t10/ */
import { tokenAccess } from "@tendril/api/bearer";
import { apiScopes } from "@tendril/core/api-plan";
import { newJobId } from "@tendril/core/job-id";
import { describe, expect, test } from "vitest";
import { holders, operationsIn, secret, textOf, tokens, useOwaspBench } from "./support/owasp-bench.ts";

const { as, ask, bench, deadJob, json, passing, post, postNote, room } = useOwaspBench();

describe("API1: broken object level authorization", () => {
  test("a job's id cannot be guessed: whatever is like one is the id of no job, for reading and for changing", async () => {
    const id = await postNote("secret");
    const [first = "", second = ""] = [id, await postNote("another")];
    expect(first.slice(19)).not.toBe(second.slice(19));
    const near = [...id.matchAll(/[0-9a-f]/g)].map(({ 0: digit, index }) => {
      const other = (Number.parseInt(digit, 16) ^ 1).toString(16);
      return `${id.slice(0, index)}${other}${id.slice(index + 1)}`;
    });
    expect(near).toHaveLength(32);
    for (const [method, end] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/retry"],
    ] as const) {
      for (const guess of near) expect([404, 400]).toContain((await ask(method, `/jobs/${guess}${end}`)).status);
    }
    expect((await ask("GET", `/jobs/${id}`)).body.state).toBe("queued");
  });

  test("a job or a queue of another stage is not there", async () => {
    const elsewhere = newJobId(Date.now(), new Uint8Array(16).fill(7), {
      type: "Note",
      queueUrl: `${room.queue.url}x`,
    });
    for (const [method, path] of [
      ["GET", `/jobs/${elsewhere}`],
      ["DELETE", `/jobs/${elsewhere}`],
      ["POST", `/jobs/${elsewhere}/retry`],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: "job_unknown" } });
    }
    const names = [
      "other",
      "__proto__",
      "constructor",
      "jobs-dead",
      encodeURIComponent(room.queue.deadLetterUrl),
      "..%2Fjobs",
    ];
    for (const name of names) {
      for (const [method, path] of [
        ["GET", ""],
        ["GET", "/dead-letters"],
        ["POST", "/pause"],
      ] as const) {
        expect((await ask(method, `/queues/${name}${path}`)).status).toBe(404);
      }
      expect(await ask("POST", `/queues/${name}/dead-letters/drop`, { all: true })).toMatchObject({ status: 404 });
      expect((await post({ type: "Note", input: "", queue: name })).status).toBe(404);
    }
    expect(await room.queue.count()).toBe(0);
  });

  test("the tier is the object: who may read sees all of its jobs, whoever enqueued them, and never their inputs", async () => {
    const { body } = await bench.post({ type: "Note", input: "the input" }, as("enqueue"));
    await room.work();
    const found = await ask("GET", `/jobs/${body.job_id}`, undefined, "read");
    expect(found).toMatchObject({ status: 200, body: { state: "done" } });
    const list = await ask("GET", "/jobs", undefined, "read");
    expect(textOf(list.body)).toContain(String(body.job_id));
    expect(textOf(found, list)).not.toContain("the input");
  });
});

describe("API2: broken authentication", () => {
  const { all } = tokens;
  test.each<[string, string, Record<string, string>]>([
    ["no token", "/jobs", {}],
    ["a wrong one", "/jobs", { authorization: `Bearer ${all.replace("0", "1")}` }],
    ["its beginning", "/jobs", { authorization: `Bearer ${all.slice(0, -1)}` }],
    ["more than it", "/jobs", { authorization: `Bearer ${all}4` }],
    ["another scheme", "/jobs", { authorization: `Basic ${Buffer.from(`:${all}`).toString("base64")}` }],
    ["no scheme", "/jobs", { authorization: all }],
    ["two of them", "/jobs", { authorization: `Bearer ${all}, Bearer ${all}` }],
    ["its scopes before it", "/jobs", { authorization: `Bearer enqueue:${tokens.enqueue}` }],
    ["the whole secret", "/jobs", { authorization: `Bearer ${secret}` }],
    ["one in the query", `/jobs?access_token=${all}&token=${all}`, {}],
    ["one in a cookie", "/jobs", { cookie: `authorization=Bearer ${all}; token=${all}` }],
    [
      "one in another header",
      "/jobs",
      { "x-api-key": all, "x-authorization": `Bearer ${all}`, "proxy-authorization": all },
    ],
    ["a user's name in the address", `http://user:${all}@localhost/jobs`, {}],
    ["a path that means another", "/health/../jobs", {}],
    ["a doubled slash", "//health/../jobs", {}],
    ["a method in a header", "/jobs", { "x-http-method-override": "HEAD", "x-original-url": "/health" }],
  ])("%s is refused", async (_name, path, headers) => {
    const url = path.replace(/^http:\/\/[^@]*@/, "http://");
    const response = await bench.api.request(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: '{"type":"Note","input":"x"}',
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    const said = await response.text();
    for (const token of Object.values(tokens)) expect(said + textOf(bench.lines)).not.toContain(token.slice(0, 20));
    expect(await room.queue.count()).toBe(0);
  });

  test("an event's own words about a caller do not stand for a token", async () => {
    const forged = { authorizer: { iam: { userArn: "arn:aws:iam::1:root" }, jwt: { claims: { scope: "operate" } } } };
    const answer = await bench.api.request("/jobs", {}, { event: { requestContext: forged } });
    expect(answer.status).toBe(401);
  });

  test("a token that was replaced is good no more, and both are good in between", async () => {
    const status = async (given: string, token: string) => {
      bench.use({ access: tokenAccess(given) });
      return (await bench.ask("GET", "/jobs", undefined, { authorization: `Bearer ${token}` })).status;
    };
    const [old, young] = ["the-old-token-0123456789", "the-new-token-0123456789"] as const;
    expect([await status(`${old} ${young}`, old), await status(`${old} ${young}`, young)]).toEqual([200, 200]);
    expect([await status(young, old), await status(young, young)]).toEqual([401, 200]);
  });
});

describe("API3: broken object property level authorization", () => {
  const forged = [
    "job_id",
    "id",
    "state",
    "attempts",
    "result",
    "tracked",
    "enqueued_at",
    "tendril.job_id",
    "__proto__",
    "constructor",
  ];

  test.each(forged)("%s is not the caller's to set", async (name) => {
    const member = `"${name}": "11111111-1111-4111-8111-111111111111"`;
    const send = (path: string, body: string) =>
      bench.api.request(path, { method: "POST", headers: json("all"), body });
    const one = await send("/jobs", `{"type": "Note", "input": "x", ${member}}`);
    const posted = await send("/job/post/Note", `{"data": "x", ${member}}`);
    const list = await send("/jobs", `[{"type": "Note", "input": "x", ${member}}]`);
    expect([one.status, posted.status, list.status]).toEqual([422, 422, 207]);
    expect(await list.json()).toMatchObject({ accepted: 0, refused: 1 });
    for (const action of ["redrive", "drop"]) {
      expect((await send(`/queues/jobs/dead-letters/${action}`, `{"all": true, ${member}}`)).status).toBe(422);
    }
    expect(await room.queue.count()).toBe(0);
  });

  test("no answer shows what is behind the API, nor an input, whatever goes wrong there", async () => {
    const hidden = [
      "the-hidden-input",
      "select ",
      "tendril.",
      "arn:aws",
      "127.0.0.1",
      "node:",
      ".ts",
      "   at ",
      "Exception",
    ];
    await deadJob("the-hidden-input");
    const dead = await passing(ask("GET", "/queues/jobs/dead-letters"));
    expect(dead.body.total).toBe(1);
    delete dead.body.dead_letters; // what a job says of its own failure is for who may read
    const said: unknown[] = [dead.body];
    const error = { status: 400, error: "arn:aws:secret of select tendril.jobs" };
    room.local.wire.decide(() => error);
    room.sqsWire.decide(() => error);
    const id = newJobId(Date.now(), new Uint8Array(16).fill(1));
    for (const [method, path, body] of [
      ["POST", "/jobs", { type: "Note", input: "the-hidden-input" }],
      ["POST", "/jobs", { type: "Note", input: { wrong: "the-hidden-input" } }],
      ["POST", "/jobs", [{ type: "Note", input: "the-hidden-input", key: "1" }]],
      ["POST", "/jobs", { type: "the-hidden-input!", input: 1 }],
      ["GET", "/jobs", undefined],
      ["GET", `/jobs/${id}`, undefined],
      ["GET", "/jobs?cursor=the-hidden-input", undefined],
      ["DELETE", `/jobs/${id}`, undefined],
      ["GET", "/queues", undefined],
      ["GET", "/queues/jobs/dead-letters", undefined],
      ["POST", "/queues/jobs/dead-letters/redrive", {}],
      ["GET", "/health?deep=true", undefined],
      ["GET", "/the-hidden-input", undefined],
    ] as const) {
      const answer = await passing(ask(method, path, body));
      if (path !== "/jobs" || method !== "POST") expect(answer.status).toBeGreaterThanOrEqual(400);
      said.push(answer.body);
    }
    for (const word of hidden) expect(textOf(said)).not.toContain(word);
    expect(textOf(bench.lines)).not.toContain("the-hidden-input");
  });
});

describe("API5: broken function level authorization", () => {
  test("each operation of the document lets those through that have its scope, and nobody else", async () => {
    const { body: document } = await ask("GET", "/openapi.json");
    const operations = operationsIn(document);
    expect(operations.length).toBeGreaterThan(15);
    const found: string[] = [];
    for (const { method, path, scope } of operations) {
      const url = path.replace("{id}", newJobId(Date.now(), new Uint8Array(16))).replace("{name}", "nope");
      for (const holder of ["none", ...holders] as const) {
        const headers = holder === "none" ? {} : as(holder);
        const { status } = await bench.api.request(url, { method, headers });
        const may = scope === undefined || holder === "all" || holder === scope;
        const refusal = holder === "none" ? 401 : 403;
        if (may ? status === 401 || status === 403 : status !== refusal)
          found.push(`${method} ${path} ${holder}: ${status}`);
      }
    }
    expect(found).toEqual([]);
    expect(new Set(operations.map(({ scope }) => scope))).toEqual(new Set([undefined, ...apiScopes]));
    expect(operations.filter(({ scope }) => scope === undefined)).toEqual([
      { method: "GET", path: "/health", scope: undefined },
    ]);
  });

  test("what changes things needs more than to read, and what reads more than to enqueue", async () => {
    const operations = operationsIn((await ask("GET", "/openapi.json")).body);
    for (const { method, path, scope } of operations) {
      if (method === "DELETE") expect([path, scope]).toEqual([path, "operate"]);
      if (method === "GET" && path !== "/health") expect([path, scope]).toEqual([path, "read"]);
      if (method === "POST") expect(["enqueue", "operate"]).toContain(scope);
    }
  });
});
