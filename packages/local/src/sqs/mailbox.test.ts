import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArrayQueue } from "./array-queue.ts";
import { ExpiringMap } from "./expiring-map.ts";
import { Mailbox } from "./mailbox.ts";
import { type Message, placeInTurn, type StoredMessage } from "./message.ts";
import { byVisibility, MessageHeap } from "./message-heap.ts";
import { MessageLine } from "./message-line.ts";

const stored = (id: string, visibleAtMs: number, groupId = "g"): StoredMessage => ({
  id,
  body: id,
  md5OfBody: "",
  attributes: {},
  sentMs: 0,
  enqueuedMs: 0,
  groupId,
  receiveCount: 0,
  receivedElsewhere: 0,
  visibleAtMs,
});

type Step =
  | { kind: "add"; group: string; delayMs: number }
  | { kind: "take"; max: number; visibilityMs: number }
  | { kind: "remove" | "change"; pick: number; visibilityMs: number }
  | { kind: "wait"; waitMs: number };

const time = fc.integer({ min: 0, max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), group: fc.constantFrom("a", "b", "c"), delayMs: time }),
  fc.record({ kind: fc.constant("take" as const), max: fc.integer({ min: 1, max: 5 }), visibilityMs: time }),
  fc.record({ kind: fc.constantFrom("remove" as const, "change" as const), pick: fc.nat(), visibilityMs: time }),
  fc.record({ kind: fc.constant("wait" as const), waitMs: time }),
);

/** The same rules over a plain list, slowly. */
class Model {
  readonly messages: { id: string; group: string; visibleAtMs: number }[] = [];

  mayTake(fifo: boolean, nowMs: number): string[] {
    return this.messages
      .filter((message, index) => {
        const before = this.messages.slice(0, index).filter(({ group }) => group === message.group);
        return message.visibleAtMs <= nowMs && (!fifo || before.every((other) => other.visibleAtMs <= nowMs));
      })
      .map(({ id }) => id);
  }
}

describe.each([false, true])("a mailbox (FIFO: %s)", (fifo) => {
  test("gives out exactly what is visible, and in a FIFO queue in the order of each group", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const mailbox = new Mailbox(fifo);
        const model = new Model();
        let nowMs = 0;
        let lastId = 0;
        for (const each of steps) {
          if (each.kind === "wait") nowMs += each.waitMs;
          if (each.kind === "add") {
            const id = `${lastId++}`;
            model.messages.push({ id, group: each.group, visibleAtMs: nowMs + each.delayMs });
            mailbox.add(stored(id, nowMs + each.delayMs, each.group), nowMs);
          }
          const picked = "pick" in each ? model.messages[each.pick % model.messages.length] : undefined;
          const message = picked && mailbox.get(picked.id);
          if (each.kind === "remove" && picked && message) {
            model.messages.splice(model.messages.indexOf(picked), 1);
            mailbox.remove(message);
          }
          if (each.kind === "change" && picked && message) {
            picked.visibleAtMs = nowMs + each.visibilityMs;
            mailbox.setVisibleAt(message, picked.visibleAtMs, nowMs);
          }
          if (each.kind === "take") take(mailbox, model, { ...each, nowMs, fifo });
          const visible = model.messages.filter(({ visibleAtMs }) => visibleAtMs <= nowMs).length;
          expect(mailbox.counts(nowMs).visible).toBe(visible);
          const later = model.messages.map(({ visibleAtMs }) => visibleAtMs).filter((atMs) => atMs > nowMs);
          mailbox.roomInFlight(1, 1, nowMs); // a look
          expect(mailbox.nextVisibleAtMs()).toBe(later.length > 0 ? Math.min(...later) : undefined);
        }
      }),
      { numRuns: 500 },
    );
  });

  function take(
    mailbox: Mailbox,
    model: Model,
    options: { max: number; visibilityMs: number; nowMs: number; fifo: boolean },
  ): void {
    const { max, visibilityMs, nowMs } = options;
    const allowed = model.mayTake(options.fifo, nowMs);
    const receive = (message: StoredMessage): void => {
      message.receipt = "r";
      message.visibleAtMs = nowMs + visibilityMs;
    };
    const taken = mailbox.take({ max, nowMs, usable: () => true, receive });
    expect(taken).toHaveLength(Math.min(max, allowed.length));
    expect(new Set(taken).size).toBe(taken.length);
    for (const { id } of taken) expect(allowed).toContain(id);
    for (const group of options.fifo ? ["a", "b", "c"] : []) {
      const ids = taken.filter(({ groupId }) => groupId === group).map(({ id }) => id);
      const first = model.messages.filter((message) => message.group === group).map(({ id }) => id);
      expect(ids).toEqual(first.slice(0, ids.length));
    }
    for (const message of model.messages) {
      if (taken.some(({ id }) => id === message.id)) message.visibleAtMs = nowMs + visibilityMs;
    }
  }
});

test("a standard mailbox gives out first what became visible first", () => {
  const mailbox = new Mailbox(false);
  for (const [id, atMs] of [
    ["c", 3],
    ["a", 1],
    ["b", 2],
    ["d", 3],
  ] as const)
    mailbox.add(stored(id, atMs), 0);
  const receive = (message: StoredMessage): void => {
    message.visibleAtMs = 100;
  };
  const taken = mailbox.take({ max: 10, nowMs: 3, usable: () => true, receive });
  expect(taken.map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
});

test("a heap gives its messages in order, whichever were taken out before", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ atMs: fc.nat(1_000), taken: fc.boolean() }), { maxLength: 100, size: "max" }),
      (entries) => {
        const heap = new MessageHeap(byVisibility);
        const messages = entries.map(({ atMs }, order) => ({
          ...stored(`${order}`, atMs),
          heapIndex: -1,
          ageIndex: -1,
          order,
        }));
        for (const message of messages) heap.add(message);
        const left = messages.filter((_, index) => !entries[index]?.taken);
        for (const message of messages) if (!left.includes(message)) heap.remove(message);
        const drained: number[] = [];
        for (let first = heap.first(); first; first = heap.first()) {
          drained.push(first.visibleAtMs);
          heap.remove(first);
        }
        expect(drained).toEqual(left.map(({ visibleAtMs }) => visibleAtMs).sort((a, b) => a - b));
      },
    ),
    { numRuns: 300 },
  );
});

test("the oldest message is told, whatever was added, received or removed before", () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), value: fc.nat(50) }),
    fc.record({ kind: fc.constantFrom("remove" as const, "hide" as const), value: fc.nat(200) }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(change, { maxLength: 200, size: "max" }), (fifo, changes) => {
      const mailbox = new Mailbox(fifo);
      for (const [index, { kind, value }] of changes.entries()) {
        const message = mailbox.get(`${value}`);
        if (kind === "add") mailbox.add({ ...stored(`${index}`, 0), groupId: `${value % 3}`, enqueuedMs: value }, 0);
        else if (kind === "remove" && message) mailbox.remove(message);
        else if (message) mailbox.setVisibleAt(message, index, 0);
        const times = Array.from(mailbox.all(), ({ enqueuedMs }) => enqueuedMs);
        expect(mailbox.oldest()?.enqueuedMs).toBe(times.length === 0 ? undefined : Math.min(...times));
      }
      mailbox.clear();
      expect(mailbox.oldest()).toBeUndefined();
    }),
  );
});

test("a line is a list to which is added at both ends, and from which any message is taken out", () => {
  const change = fc.oneof(fc.constant("add" as const), fc.constant("add first" as const), fc.nat());
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 200, size: "max" }),
      fc.integer({ min: 0, max: 3_000 }),
      (changes, taken) => {
        const line = new MessageLine(placeInTurn);
        const model: Message[] = [];
        const create = (id: string): Message => ({ ...stored(id, 0), heapIndex: -1, ageIndex: -1, order: 0 });
        for (let index = 0; index < taken + 20; index++) model.push(create(`${index}`));
        for (const message of model) line.add(message);
        for (const message of model.splice(0, taken)) line.remove(message);
        for (const [index, each] of changes.entries()) {
          const message = create(`new ${index}`);
          if (each === "add") {
            model.push(message);
            line.add(message);
          } else if (each === "add first") {
            model.unshift(message);
            line.addFirst(message);
          } else {
            const [removed = message] = model.splice(each % Math.max(1, model.length), 1);
            line.remove(removed);
            expect(line.has(removed)).toBe(false);
          }
          expect(line.first()).toBe(model[0]);
        }
        expect(model.every((message) => line.has(message))).toBe(true);
        const drained: Message[] = [];
        for (let first = line.first(); first; first = line.first()) {
          drained.push(first);
          line.remove(first);
        }
        expect(drained).toEqual(model);
      },
    ),
    { numRuns: 100 },
  );
});

test("an array queue is a list from which the front, or one item, is taken out", () => {
  const change = fc.oneof(fc.constant("shift" as const), fc.constant("push" as const), fc.nat());
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 200, size: "max" }),
      fc.integer({ min: 0, max: 3_000 }),
      (changes, filled) => {
        const queue = new ArrayQueue<number>();
        const model: number[] = [];
        const push = (item: number): void => {
          queue.push(item);
          model.push(item);
        };
        for (let index = 0; index < filled; index++) push(index);
        for (const item of model.splice(0, Math.max(0, filled - 20)))
          if (queue.shift() !== item) throw new Error(`${item}`);
        for (const [index, each] of changes.entries()) {
          if (each === "push") push(10_000 + index);
          else if (each === "shift") expect(queue.shift()).toBe(model.shift());
          else {
            const [removed = -1] = model.splice(each % Math.max(1, model.length), 1);
            queue.remove(removed);
          }
        }
        expect(Array.from({ length: queue.length }, (_, index) => queue.at(index))).toEqual(model);
      },
    ),
    { numRuns: 200 },
  );
});

test("an expiring map forgets each entry after its time, also one that was set again", () => {
  const map = new ExpiringMap<string>(100);
  map.set("a", "1", 0, 0);
  map.set("b", "2", 50, 50);
  map.delete("b");
  map.set("b", "3", 60, 60);
  expect(map.get("a", 99)).toBe("1");
  expect(map.get("a", 100)).toBeUndefined();
  map.set("c", "4", 20, 110);
  expect([...map.live(119)]).toEqual([
    { key: "b", value: "3", setMs: 60 },
    { key: "c", value: "4", setMs: 20 },
  ]);
  map.set("late", "5", 10, 150);
  expect([...map.live(155)].map(({ key }) => key)).toEqual(["b"]);
});
