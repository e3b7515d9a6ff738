import { ArrayQueue } from "./array-queue.ts";
import { isInFlight, type Message, type StoredMessage } from "./message.ts";
import { MessageHeap } from "./message-heap.ts";

export interface TakeOptions {
  readonly max: number;
  readonly nowMs: number;
  /** Asked about each message that would be taken; when it says no, it has taken the message out. */
  readonly usable: (message: Message) => boolean;
  /** Asked about each message that is taken from a standard queue: whether those behind it go first. */
  readonly isOvertaken?: ((message: Message) => boolean) | undefined;
  /** Marks a message as received; its `visibleAtMs` is placed afterwards. */
  readonly receive: (message: Message) => void;
}

/** How many messages are in which state. */
export interface MessageCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/**
 * The messages of one queue: which are visible, which are not yet, and in a FIFO queue the order within each group.
 * Taking costs O(log n) for each message, and in a FIFO queue O(groups) for each call.
 */
export class Mailbox {
  readonly #fifo: boolean;
  readonly #messages = new Map<string, Message>();
  readonly #groups = new Map<string, ArrayQueue<Message>>();
  #visible = new MessageHeap();
  #invisible = new MessageHeap();
  #order = 0;

  constructor(fifo: boolean) {
    this.#fifo = fifo;
  }

  get(id: string): Message | undefined {
    return this.#messages.get(id);
  }

  all(): Iterable<Message> {
    return this.#messages.values();
  }

  /**
   * When the next message becomes visible of those that were invisible at the last look; undefined for none. It may be past
   * by now: whoever waits must look again.
   */
  nextVisibleAtMs(): number | undefined {
    return this.#invisible.first()?.visibleAtMs;
  }

  /** Does nothing for an id that is here already. */
  add(stored: StoredMessage, nowMs: number): void {
    if (this.#messages.has(stored.id)) return;
    const message: Message = { ...stored, heapIndex: -1, order: 0 };
    this.#messages.set(message.id, message);
    if (this.#fifo) this.#groupOf(message).push(message);
    this.#place(message, nowMs);
  }

  remove(message: Message): void {
    if (!this.#messages.delete(message.id)) return;
    this.#visible.remove(message);
    this.#invisible.remove(message);
    if (!this.#fifo) return;
    const group = this.#groupOf(message);
    group.remove(message);
    if (group.length === 0) this.#groups.delete(message.groupId ?? "");
  }

  clear(): void {
    this.#messages.clear();
    this.#groups.clear();
    this.#visible = new MessageHeap();
    this.#invisible = new MessageHeap();
  }

  /** The message that came first of those that could be received. */
  firstVisible(nowMs: number): Message | undefined {
    const blockedGroups = new Set<string | undefined>();
    for (const message of this.#messages.values()) {
      const isFree = message.visibleAtMs <= nowMs;
      if (isFree && !(this.#fifo && blockedGroups.has(message.groupId))) return message;
      blockedGroups.add(message.groupId);
    }
    return undefined;
  }

  setVisibleAt(message: Message, visibleAtMs: number, nowMs: number): void {
    this.#visible.remove(message);
    this.#invisible.remove(message);
    message.visibleAtMs = visibleAtMs;
    this.#place(message, nowMs);
  }

  /** Takes up to `max` visible messages. */
  take(options: TakeOptions): Message[] {
    this.#promote(options.nowMs);
    const taken = this.#fifo ? this.#takeFromGroups(options) : this.#takeVisible(options);
    for (const message of taken) {
      this.#visible.remove(message);
      options.receive(message);
      this.#place(message, options.nowMs);
    }
    return taken;
  }

  /** How many of the `wanted` messages may be received, when `limit` may be in flight. */
  roomInFlight(wanted: number, limit: number, nowMs: number): number {
    this.#promote(nowMs);
    if (this.#invisible.size + wanted <= limit) return wanted;
    // What is invisible may be delayed, not in flight; telling them apart takes a look at every message.
    return Math.max(0, Math.min(wanted, limit - this.counts(nowMs).inFlight));
  }

  counts(nowMs: number): MessageCounts {
    const counts = { visible: 0, inFlight: 0, delayed: 0 };
    for (const message of this.#messages.values()) {
      if (message.visibleAtMs <= nowMs) counts.visible++;
      else if (isInFlight(message, nowMs)) counts.inFlight++;
      else counts.delayed++;
    }
    return counts;
  }

  #takeVisible({ max, usable, isOvertaken }: TakeOptions): Message[] {
    const taken: Message[] = [];
    const overtaken: Message[] = [];
    while (taken.length < max) {
      const message = this.#visible.first();
      if (!message) break;
      this.#visible.remove(message);
      if (!usable(message)) continue;
      if (overtaken.length < max && isOvertaken?.(message)) overtaken.push(message);
      else taken.push(message);
    }
    taken.push(...overtaken.splice(0, max - taken.length));
    for (const message of overtaken) this.#visible.add(message);
    return taken;
  }

  /**
   * From each group, its first messages up to the first that is not visible: what stands behind a message in flight
   * waits for it. Groups that were served go behind the others.
   */
  #takeFromGroups(options: TakeOptions): Message[] {
    const taken: Message[] = [];
    for (const [id, group] of [...this.#groups]) {
      const before = taken.length;
      takeFromGroup(group, taken, options);
      if (taken.length > before && this.#groups.delete(id)) this.#groups.set(id, group);
      if (taken.length >= options.max) break;
    }
    return taken;
  }

  #groupOf(message: Message): ArrayQueue<Message> {
    const id = message.groupId ?? "";
    const group = this.#groups.get(id) ?? new ArrayQueue<Message>();
    this.#groups.set(id, group);
    return group;
  }

  #place(message: Message, nowMs: number): void {
    message.order = this.#order++;
    (message.visibleAtMs <= nowMs ? this.#visible : this.#invisible).add(message);
  }

  #promote(nowMs: number): void {
    for (let next = this.#invisible.first(); next && next.visibleAtMs <= nowMs; next = this.#invisible.first()) {
      this.#invisible.remove(next);
      this.#visible.add(next);
    }
  }
}

function takeFromGroup(group: ArrayQueue<Message>, taken: Message[], { max, nowMs, usable }: TakeOptions): void {
  let index = 0;
  while (taken.length < max) {
    const message = group.at(index);
    if (!message || message.visibleAtMs > nowMs) return;
    if (!usable(message)) continue;
    taken.push(message);
    index++;
  }
}
