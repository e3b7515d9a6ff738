import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import { type AttachedMapping, type LambdaControlPlane, mappingUuid, openLambdaControlPlane } from "./control-plane.ts";
import { MemoryFunction, MemoryQueue } from "./event-source-mapping.fixture.ts";
import { createEventSourceMapping } from "./event-source-mapping.ts";

const place = { region: "eu-central-1", accountId: "000000000000" };
const credentials = { accessKeyId: "local", secretAccessKey: "local" };

/** A control plane over the wire with one mapping, whose folder is kept. */
async function openRoom(dir: string) {
  const clock = virtualClock(Date.parse("2026-11-20T10:00:00Z"));
  const queue = new MemoryQueue(clock);
  const lambda = new MemoryFunction(clock);
  const plane = await openLambdaControlPlane({ ...place, clock, dir });
  const server = await listen([plane.service], { port: 0 });
  const numbers = { batchSize: 1, windowSeconds: 0, maximumConcurrency: 2 };
  const config = { ...numbers, eventSourceArn: queue.queueArn, functionName: "jobs-worker" };
  const told: boolean[] = [];
  const mapping = createEventSourceMapping({
    ...{ clock, source: queue, lambda, functionName: "jobs-worker", region: place.region },
    ...{ batchSize: 1, windowMs: 0, maximumConcurrency: 2 },
  });
  const attached = plane.attach(config, mapping, ({ paused }) => told.push(paused));
  const client = new LambdaClient({ endpoint: server.url, region: place.region, credentials, maxAttempts: 1 });
  return { clock, queue, lambda, plane, server, attached, client, told };
}

type Room = Awaited<ReturnType<typeof openRoom>>;

let dir: string;
let room: Room;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tendril-lambda-"));
  room = await openRoom(dir);
});

afterEach(async () => {
  await close(room);
  await rm(dir, { recursive: true, force: true });
});

async function close({ client, server, attached, plane, lambda }: Room): Promise<void> {
  for (const invocation of lambda.invocations) invocation.end();
  client.destroy();
  await server.close();
  await attached.stop();
  await plane.close();
}

const UUID = mappingUuid("arn:aws:sqs:eu-central-1:000000000000:jobs", "jobs-worker");
const get = () => room.client.send(new GetEventSourceMappingCommand({ UUID }));
const update = (input: object) => room.client.send(new UpdateEventSourceMappingCommand({ UUID, ...input }));

/** Waits for what other tasks of this process do in a moment. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

const isIn = async (state: string): Promise<boolean> => (await get()).State === state;

describe("a mapping", () => {
  test("is described as Lambda describes it", async () => {
    const { $metadata: _, ...described } = await get();
    expect(described).toEqual({
      UUID,
      EventSourceMappingArn: `arn:aws:lambda:eu-central-1:000000000000:event-source-mapping:${UUID}`,
      EventSourceArn: room.queue.queueArn,
      FunctionArn: "arn:aws:lambda:eu-central-1:000000000000:function:jobs-worker",
      BatchSize: 1,
      MaximumBatchingWindowInSeconds: 0,
      ScalingConfig: { MaximumConcurrency: 2 },
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      State: "Enabled",
      StateTransitionReason: "USER_INITIATED",
      LastModified: new Date("2026-11-20T10:00:00Z"),
    });
    expect(UUID).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("that is disabled lets what runs end, and gives the function no more; enabled, it goes on", async () => {
    room.queue.send("one");
    await until(() => room.lambda.invocations.length === 1);
    expect((await update({ Enabled: false })).State).toBe("Disabling");
    await until(() => isIn("Disabled"));
    room.queue.send("two");
    room.lambda.invocations[0]?.end();
    await until(() => room.queue.left().one === undefined);
    await room.clock.advance(60_000);
    expect(room.queue.left()).toEqual({ two: 0 });
    expect((await update({ Enabled: true })).State).toBe("Enabling");
    expect((await get()).State).toBe("Enabled");
    await until(() => room.lambda.invocations.length === 2);
    expect(room.lambda.batches()).toEqual([["one"], ["two"]]);
    expect(room.told).toEqual([true, false]);
  });

  test("that is disabled is so when it is opened again, also after the process was killed", async () => {
    await update({ Enabled: false });
    room.queue.send("one");
    const again = await openRoom(dir); // the first is not closed: nothing is written at the end
    try {
      expect(again.attached.paused).toBe(true);
      expect(await again.client.send(new GetEventSourceMappingCommand({ UUID }))).toMatchObject({ State: "Disabled" });
      expect(again.queue.receives).toEqual([]);
    } finally {
      await close(again);
    }
  });

  test("is told of once for a switch, and not for what changes nothing", async () => {
    expect((await update({ Enabled: true })).State).toBe("Enabled");
    expect((await update({})).State).toBe("Enabled");
    expect(room.told).toEqual([]);
  });

  test("that is stopped is not there any more, and cannot be started", async () => {
    await room.attached.stop();
    await expect(update({ Enabled: true })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });
});

describe("is refused:", () => {
  test("a mapping that is not there", async () => {
    const asked = room.client.send(new GetEventSourceMappingCommand({ UUID: "b6b1" }));
    await expect(asked).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "The resource you requested does not exist.",
      $metadata: { httpStatusCode: 404 },
    });
  });

  test.each([{ BatchSize: 5 }, { FunctionName: "other" }, { ScalingConfig: { MaximumConcurrency: 3 } }])(
    "a change of %j",
    async (change) => {
      await expect(update({ ...change, Enabled: false })).rejects.toMatchObject({
        name: "InvalidParameterValueException",
        $metadata: { httpStatusCode: 400 },
      });
      expect((await get()).State).toBe("Enabled");
    },
  );

  test("a change while another one is under way", async () => {
    const held = Promise.withResolvers<void>();
    const slow = { start() {}, resume() {}, pause: () => held.promise, stop: async () => {} };
    const numbers = { batchSize: 1, windowSeconds: 0, maximumConcurrency: 2 };
    const attached = room.plane.attach({ ...numbers, eventSourceArn: "arn:slow", functionName: "slow" }, slow);
    const to = { UUID: mappingUuid("arn:slow", "slow") };
    expect((await update({ ...to, Enabled: false })).State).toBe("Disabling");
    await expect(update({ ...to, Enabled: true })).rejects.toMatchObject({ name: "ResourceInUseException" });
    held.resolve();
    await until(async () => (await room.client.send(new GetEventSourceMappingCommand(to))).State === "Disabled");
    expect((await update({ ...to, Enabled: true })).State).toBe("Enabling");
    await attached.stop();
  });
});

describe("the list", () => {
  const other = "arn:aws:sqs:eu-central-1:000000000000:mail";
  let second: AttachedMapping;
  beforeEach(() => {
    second = attachSecond(room.plane);
  });
  afterEach(() => second.stop());

  function attachSecond(plane: LambdaControlPlane): AttachedMapping {
    const idle = { start() {}, resume() {}, pause: async () => {}, stop: async () => {} };
    const numbers = { batchSize: 1, windowSeconds: 0, maximumConcurrency: 2 };
    return plane.attach({ ...numbers, eventSourceArn: other, functionName: "mail-worker" }, idle);
  }
  const list = async (input: object) => {
    const { EventSourceMappings = [], NextMarker } = await room.client.send(new ListEventSourceMappingsCommand(input));
    return [EventSourceMappings.map(({ EventSourceArn }) => EventSourceArn?.split(":").at(-1)), NextMarker];
  };

  test.each<[object, string[]]>([
    [{}, ["jobs", "mail"]],
    [{ EventSourceArn: other }, ["mail"]],
    [{ FunctionName: "jobs-worker" }, ["jobs"]],
    [{ FunctionName: "000000000000:function:mail-worker" }, ["mail"]],
    [{ FunctionName: "arn:aws:lambda:eu-central-1:000000000000:function:mail-worker" }, ["mail"]],
    [{ FunctionName: "worker" }, []],
    [{ FunctionName: "jobs-worker", EventSourceArn: other }, []],
  ])("of %j", async (input, expected) => {
    expect(await list(input)).toEqual([expected, undefined]);
  });

  test("comes in pages", async () => {
    expect(await list({ MaxItems: 1 })).toEqual([["jobs"], "1"]);
    expect(await list({ MaxItems: 1, Marker: "1" })).toEqual([["mail"], undefined]);
    await expect(list({ Marker: "x" })).rejects.toMatchObject({ name: "InvalidParameterValueException" });
    await expect(list({ MaxItems: 0 })).rejects.toMatchObject({ name: "InvalidParameterValueException" });
  });
});
