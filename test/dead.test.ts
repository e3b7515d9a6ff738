// `tendril dead` as a process of its own, on letters that the real worker and SQS itself have made.
import { randomUUID } from "node:crypto";
import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { openProject, planProject } from "@tendril/cli/project";
import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { Unrecoverable } from "@tendril/core/outcome";
import { deployQueues } from "@tendril/local/deploy-plan";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type DeadEnd, redriveToDeadLetters, startDead, whileTimePasses } from "./support/dead-letters.ts";
import { repositoryRoot } from "./support/project.ts";
import { idAttribute, newId, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 2, backoff: { from: "4 seconds", to: "1 minute" } },
});

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, failAlways, notesOf, rowOf, send, work } = room;

const maxReceiveCount = 5;

beforeEach(() => redriveToDeadLetters(room.sqs, room.queue, maxReceiveCount));

/** Where the room's queue is, as options. */
const here = (): string[] => ["--endpoint-url", room.sqsWire.url, "--queue-url", room.queue.url];

function dead(...words: string[]): Promise<DeadEnd> {
  return whileTimePasses(room.sqs, startDead(room, [...words, ...here()]).ended);
}

/** Whole ids of the dead letters that anybody can read at this moment. */
async function visibleLetters(): Promise<(string | undefined)[]> {
  const letters = [];
  for (let some = await room.queue.deadLetters(); some.length > 0; some = await room.queue.deadLetters())
    letters.push(...some);
  await room.sqs.clock.advance(240_000);
  return letters.map((letter) => letter.MessageAttributes?.["tendril.job_id"]?.StringValue ?? letter.MessageId);
}

/** A job that a worker has dead-lettered for good. */
async function deadJob(note: string, group?: string): Promise<string> {
  failAlways(note, new Unrecoverable(`no hope for ${note}`));
  const id = await send(note, group === undefined ? {} : { group });
  await work();
  behaviours.clear();
  return id;
}

/** A message that nobody deletes: SQS moves it, and it has no id but its own. */
async function movedJob(): Promise<string> {
  const id = await room.queue.send({ MessageBody: '{"job_type":"Note","data":"abandoned"}' });
  for (let receipt = 0; receipt <= maxReceiveCount; receipt += 1) {
    await room.queue.receive();
    await room.sqs.clock.advance(240_000);
  }
  return id;
}

async function badMessage(): Promise<void> {
  await room.queue.send({ MessageBody: "secret, and no JSON" });
  await work();
}

describe("list", () => {
  test("shows each letter with its reason, whoever wrote it, and no payload", async () => {
    const [failed, moved] = [await deadJob("one"), await movedJob()];
    await badMessage();
    const { code, out, errors } = await dead("list");
    expect([code, errors]).toEqual([0, ""]);
    const lines = out.trim().split("\n");
    expect(lines).toHaveLength(4);
    const line = (text: string): string => lines.find((each) => each.includes(text)) ?? "";
    expect(line(failed)).toMatch(/Note +jobs-\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +1 +Unrecoverable: no hope for one$/);
    expect(line(moved)).toMatch(/Note +jobs-\d+ +sent .* no reason: SQS moved it after 5 receipts$/);
    expect(line("The body is not JSON")).toMatch(/^\S{36} {2}\? /);
    expect(out).not.toContain("secret");
    expect(out).not.toContain("abandoned");
    expect(await visibleLetters()).toHaveLength(3);
  });

  test("reads the queues of the project's tier when it is told no other", async () => {
    const plan = await planProject(await openProject(repositoryRoot));
    const [queue] = await deployQueues(plan, room.sqs.client);
    const id = newId();
    const letter = { MessageBody: '{"job_type":"CronJob"}', MessageAttributes: idAttribute(id) };
    await room.sqs.client.send(new SendMessageCommand({ QueueUrl: queue?.deadLetterUrl, ...letter }));
    const { port } = new URL(room.sqsWire.url);
    const run = startDead(room, ["list", "--queue", "jobs", "--json", "--aws-port", port]);
    expect(JSON.parse((await whileTimePasses(room.sqs, run.ended)).out)).toMatchObject([
      { job_id: id, type: "CronJob", queue: "jobs", died: null, what: "no reason: the message had no room for one" },
    ]);
  });

  test("says what is the matter when nobody answers", async () => {
    const run = startDead(room, ["list", "--aws-port", "1"]);
    expect(await run.ended).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^tendril: .*`tendril dev` running.*\n$/),
    });
  });
});

describe("show", () => {
  test("gives everything of a letter, with the job's history", async () => {
    failAlways("one", new Error("out of sorts"));
    const id = await send("one");
    await work();
    await room.sqs.clock.advance(240_000);
    await work();
    const [row] = await room.query("select current_database() as name");
    const ledger = ["--cluster-arn", "arn:cluster", "--secret-arn", "arn:secret", "--database", String(row?.name)];
    const run = startDead(room, ["show", id, "--queue-url", room.queue.url, ...ledger]);
    const { code, out } = await whileTimePasses(room.sqs, run.ended);
    expect(code).toBe(0);
    for (const text of [
      '{"job_type":"Note","data":"one"}',
      `tendril.job_id: ${id}`,
      "Error: out of sorts",
      "history: dead",
    ]) {
      expect(out).toContain(text);
    }
    expect(out).toMatch(/attempt 1: \S+ retry, Error: out of sorts\n {2}attempt 2: \S+ dead, Error: out of sorts/);
    expect(await visibleLetters()).toEqual([id]);
  });

  test("says so when there is no such letter", async () => {
    expect(await dead("show", newId())).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^tendril: There is no such dead letter: .*\n$/),
    });
  });
});

describe("redrive", () => {
  test("sends the chosen ones back as the same jobs, and leaves the others where they are, visible", async () => {
    const [one, two, moved] = [await deadJob("one"), await deadJob("two"), await movedJob()];
    expect(await dead("redrive", one, moved, "--yes")).toMatchObject({
      code: 0,
      out: expect.stringContaining("sent back: 2 dead letters"),
      errors: "",
    });
    expect(await visibleLetters()).toEqual([two]);
    expect(await work()).toEqual([]);
    expect([await notesOf(one), await notesOf(two), await notesOf(moved)]).toEqual([["one"], [], ["abandoned"]]);
    expect(await rowOf(one)).toMatchObject({
      state: "done",
      attempts: 1,
      last_error: "Unrecoverable: no hope for one",
    });
    const history = await room.query("select state from tendril.failed_attempts where job_id = $1", [one]);
    expect(history).toEqual([{ state: "dead" }]);
    expect(await dead("redrive", one, "--yes")).toMatchObject({ code: 0, out: "no dead letters: nothing to do\n" });
  });

  test("keeps the body and every attribute, but not the reason", async () => {
    const id = newId();
    const own = {
      text: { DataType: "String", StringValue: "ü" },
      bytes: { DataType: "Binary.x", BinaryValue: Buffer.from([0, 255]) },
    };
    const MessageAttributes = { ...own, ...idAttribute(id) };
    await room.queue.send({ MessageBody: '{"job_type":"Unknown"} ', MessageAttributes });
    await work();
    await dead("redrive", "--all", "--yes");
    const command = { QueueUrl: room.queue.url, MessageAttributeNames: ["All"] };
    const { Messages } = await room.sqs.client.send(new ReceiveMessageCommand(command));
    expect(Messages?.[0]?.Body).toBe('{"job_type":"Unknown"} ');
    expect(Object.keys(Messages?.[0]?.MessageAttributes ?? {}).sort()).toEqual(["bytes", "tendril.job_id", "text"]);
    expect([...(Messages?.[0]?.MessageAttributes?.bytes?.BinaryValue ?? [])]).toEqual([0, 255]);
  });

  test("does nothing when nobody can confirm it", async () => {
    const one = await deadJob("one");
    expect(await dead("redrive", "--all")).toEqual({
      code: 1,
      out: "",
      errors: expect.stringMatching(/^tendril: .*--yes.*\n$/),
    });
    expect(await visibleLetters()).toEqual([one]);
  });

  test("reports a letter that it could not send back, and goes on", async () => {
    const attributes = Array.from({ length: 10 }, (_, index) => [
      `own${index}`,
      { DataType: "String", StringValue: "x" },
    ]);
    const full = {
      MessageBody: '{"job_type":"Note","data":"full"}',
      MessageAttributes: Object.fromEntries(attributes),
    };
    await room.sqs.client.send(new SendMessageCommand({ QueueUrl: room.queue.deadLetterUrl, ...full }));
    const one = await deadJob("one");
    const { code, out, errors } = await dead("redrive", "--all", "--yes");
    expect([code, out, errors]).toEqual([
      1,
      expect.stringContaining("sent back: 1 dead letter\n"),
      expect.stringMatching(/^failed: \S{36}: it has no room for the job's id/),
    ]);
    expect(await visibleLetters()).toHaveLength(1);
    await work();
    expect(await notesOf(one)).toEqual(["one"]);
  });

  test("loses nothing when it is killed after the send and before the deletion", async () => {
    const ids = await deadLetters(15);
    const { child, ended } = startDead(room, ["redrive", "--all", "--yes", ...here()]);
    room.sqsWire.decide(({ action }) => {
      if (action !== "DeleteMessageBatch") return "pass";
      child.kill("SIGKILL");
      return "lose the call";
    });
    expect((await whileTimePasses(room.sqs, ended)).code).toBeNull();
    expect(await room.queue.count()).toBeGreaterThan(0);
    room.sqsWire.decide(() => "pass");
    await room.sqs.clock.advance(240_000);
    expect((await dead("redrive", "--all", "--yes")).out).toContain("sent back: 15 dead letters");
    await workAll();
    const notes = await Promise.all(ids.map(notesOf));
    expect(notes.filter((each) => each.length !== 1)).toEqual([]);
  });

  test("makes what it has read visible again when it is stopped", async () => {
    await deadLetters(25);
    const { child, ended } = startDead(room, ["redrive", "--all", "--yes", ...here()]);
    let asked = false; // a second time would mean at once
    room.sqsWire.decide(({ action }) => {
      if (action === "SendMessageBatch" && !asked) asked = child.kill("SIGINT");
      return "pass";
    });
    const { code, out } = await whileTimePasses(room.sqs, ended);
    expect(code).toBe(130);
    const sent = Number(/sent back: (\d+)/.exec(out)?.[1]);
    expect(sent).toBeGreaterThan(0);
    expect(await visibleLetters()).toHaveLength(25 - sent);
  });

  test("makes what it has read visible again when SQS refuses it, and says why", async () => {
    await deadLetters(12);
    room.sqsWire.decide(({ action }) =>
      action === "SendMessageBatch" ? { status: 403, error: "AccessDenied" } : "pass",
    );
    const { code, out, errors } = await dead("redrive", "--all", "--yes");
    expect([code, errors]).toEqual([
      1,
      expect.stringMatching(/tendril: An AWS call failed \(SendMessageBatch to .*AccessDenied/),
    ]);
    expect(out).toContain("sent back: 0 dead letters");
    expect(await visibleLetters()).toHaveLength(12);
  });
});

/** Letters as a worker would have left them, more quickly made. */
async function deadLetters(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId());
  for (const id of ids) {
    const letter = { MessageBody: '{"job_type":"Note","data":"many"}', MessageAttributes: idAttribute(id) };
    await room.sqs.client.send(new SendMessageCommand({ QueueUrl: room.queue.deadLetterUrl, ...letter }));
  }
  return ids;
}

async function workAll(): Promise<void> {
  while ((await room.queue.count()) > 0) await work();
}

describe("drop", () => {
  test("deletes the chosen ones only", async () => {
    const [, two] = [await deadJob("one"), await deadJob("two")];
    expect(await dead("drop", "--error", "for one", "--yes")).toMatchObject({
      code: 0,
      out: expect.stringContaining("deleted: 1 dead letter\n"),
    });
    expect(await visibleLetters()).toEqual([two]);
    expect(await room.queue.count()).toBe(0);
  });
});

describe("on a FIFO queue", () => {
  beforeEach(async () => {
    room.use({ queue: await room.sqs.freshQueue({ fifo: true }) });
    await redriveToDeadLetters(room.sqs, room.queue, maxReceiveCount);
  });

  test("redrive keeps the order of each group, however long it is, also within minutes of a job's first message", async () => {
    const sent = [await deadJob("0", "a")];
    for (let index = 1; index < 16; index += 1) sent.push(await fifoLetter(index % 6 === 5 ? "b" : "a", `${index}`));
    const { out, errors } = await dead("redrive", "--all", "--yes");
    expect(errors).toMatch(/more were not seen: of a group SQS shows ten/);
    expect(out).toContain("sent back: 16 dead letters");
    await workAll();
    const done = room.bench.lines.filter((line) => line.message === "job done").map((line) => String(line.job_id));
    const inB = (id: string): boolean => sent.indexOf(id) % 6 === 5;
    expect(done.filter((id) => !inB(id))).toEqual(sent.filter((id) => !inB(id)));
    expect(done.filter(inB)).toEqual(sent.filter(inB));
  });

  test("letters that are not chosen stay in their order, and do not stop those behind them", async () => {
    const sent: string[] = [];
    for (let index = 0; index < 14; index += 1) sent.push(await fifoLetter("a", index < 3 ? "keep" : "go"));
    expect((await dead("redrive", "--error", "go", "--yes")).code).toBe(0);
    expect(await visibleLetters()).toEqual(sent.slice(0, 3));
    await workAll();
    const done = room.bench.lines.filter((line) => line.message === "job done").map((line) => line.job_id);
    expect(done).toEqual(sent.slice(3));
  });

  async function fifoLetter(group: string, what: string): Promise<string> {
    const id = newId();
    const reason = { what, when: new Date().toISOString(), attempt: 1, queue: "jobs" };
    await room.sqs.client.send(
      new SendMessageCommand({
        QueueUrl: room.queue.deadLetterUrl,
        MessageBody: '{"job_type":"Note","data":"fifo"}',
        MessageAttributes: {
          ...idAttribute(id),
          "tendril.error": { DataType: "String", StringValue: JSON.stringify(reason) },
        },
        MessageGroupId: group,
        MessageDeduplicationId: randomUUID(),
      }),
    );
    return id;
  }
});
