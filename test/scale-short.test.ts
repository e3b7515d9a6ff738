/**
 * What one call to a queue costs does not grow with the queue. Nothing is timed here: each test makes so many calls to a
 * queue of so many messages that it would not end in its minute if a call looked at all of them.
 */
import type { Clock } from "@tendril/local/clock";
import { Mailbox } from "@tendril/local/sqs/mailbox";
import type { Message, StoredMessage } from "@tendril/local/sqs/message";
import { Queue } from "@tendril/local/sqs/queue";
import { describe, expect, test } from "vitest";

const size = 80_000;
const calls = 40_000;
/** Of ten messages each. */
const groups = size / 10;
const hourMs = 3_600_000;

function fill(fifo: boolean, visibleAtMs = 0): Mailbox {
  const mailbox = new Mailbox(fifo);
  for (let index = 0; index < size; index += 1) {
    const id = String(index);
    const stored: StoredMessage = {
      id,
      body: "",
      md5OfBody: "",
      attributes: {},
      sentMs: 0,
      enqueuedMs: 0,
      ...(fifo ? { groupId: String(index % groups) } : {}),
      receiveCount: 0,
      receivedElsewhere: 0,
      visibleAtMs,
    };
    mailbox.add(stored, 0);
  }
  return mailbox;
}

function take(mailbox: Mailbox, max: number): Message[] {
  const receive = (message: Message): void => {
    message.receipt = "r";
    message.visibleAtMs = hourMs;
  };
  return mailbox.take({ max, nowMs: 0, usable: () => true, receive });
}

describe.each([
  ["standard", false],
  ["FIFO", true],
])("a large %s queue", (_, fifo) => {
  test("is counted, and asked for room, again and again", () => {
    const mailbox = fill(fifo);
    const taken = take(mailbox, size / 2).length;
    for (let call = 0; call < calls; call += 1) mailbox.roomInFlight(10, size, 0);
    let counts = mailbox.counts(0);
    for (let call = 0; call < calls; call += 1) counts = mailbox.counts(0);
    expect(counts).toEqual({ visible: size - taken, inFlight: taken, delayed: 0 });
    expect(mailbox.roomInFlight(10, taken + 3, 0)).toBe(3);
  });

  test("whose messages are delayed has room for those that are not", () => {
    const mailbox = fill(fifo, hourMs);
    for (let call = 0; call < calls; call += 1) mailbox.roomInFlight(10, 100, 0);
    expect(mailbox.roomInFlight(10, 100, 0)).toBe(10);
    expect(mailbox.counts(0)).toEqual({ visible: 0, inFlight: 0, delayed: size });
  });

  test("gives its messages one at a time, and then none", () => {
    const mailbox = fill(fifo);
    const gone = new Set<string>();
    for (let call = 0; call < calls; call += 1) {
      for (const message of take(mailbox, 1)) {
        gone.add(message.id);
        mailbox.remove(message);
      }
    }
    expect(gone.size).toBe(calls);
    while (take(mailbox, 10).length > 0);
    let late = 0;
    for (let call = 0; call < calls; call += 1) late += take(mailbox, 10).length;
    expect(late).toBe(0);
    expect(mailbox.counts(0)).toEqual({ visible: 0, inFlight: size - calls, delayed: 0 });
  });

  test("is emptied from its front, with much of it in flight", () => {
    const mailbox = fill(fifo);
    take(mailbox, size / 10);
    let moved = 0;
    for (let first = mailbox.firstVisible(0); first; first = mailbox.firstVisible(0)) {
      mailbox.remove(first);
      moved += 1;
    }
    const { visible, inFlight } = mailbox.counts(0);
    expect(moved + visible + inFlight).toBe(size);
    // What stands behind a message in flight cannot be received.
    expect(visible).toBe(fifo ? size - moved - inFlight : 0);
  });

  test("gives again what becomes visible all at once", () => {
    const mailbox = fill(fifo);
    while (take(mailbox, 10).length > 0);
    expect(mailbox.counts(0).inFlight).toBe(size);
    expect(mailbox.counts(hourMs).visible).toBe(size);
    const receive = (message: Message): void => {
      message.visibleAtMs = 2 * hourMs;
    };
    let received = 0;
    for (let call = 0; call < size / 10; call += 1) {
      received += mailbox.take({ max: 10, nowMs: hourMs, usable: () => true, receive }).length;
    }
    expect(received).toBe(size);
  });
});

test("a large queue drops what expires, a message at a time", () => {
  let nowMs = 0;
  const clock: Clock = { now: () => nowMs, at: () => ({ cancel: () => {} }) };
  let expired = 0;
  const events = {
    received: () => {},
    expired: (_: Queue, messages: readonly Message[]) => {
      expired += messages.length;
    },
    exhausted: () => false,
  };
  const attributes = { MessageRetentionPeriod: "3600" };
  const state = { name: "jobs", attributes, tags: {}, createdMs: 0, modifiedMs: 0 };
  const queue = new Queue({ state, arn: "", clock, events });
  for (const message of fill(false).all()) queue.add({ ...message, enqueuedMs: Number(message.id) });
  for (let call = 0; call < calls; call += 1) {
    nowMs = hourMs + call;
    expect(queue.counts().visible).toBe(size - call - 1);
  }
  expect(expired).toBe(calls);
});
