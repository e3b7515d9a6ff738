import { ArrayQueue } from "./array-queue.ts";
import { type Message, placeInTurn, type StoredMessage } from "./message.ts";
import { MessageAges } from "./message-ages.ts";
import { byVisibility, MessageHeap } from "./message-heap.ts";
import { MessageLine } from "./message-line.ts";

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
 * Everything costs O(log n) for each message, but for `all`; counting costs nothing.
 */
export class Mailbox {
  readonly #fifo: boolean;
  readonly #messages = new Map<string, Message>();
  readonly #groups = new Map<string, ArrayQueue<Message>>();
  /** What can be received, the longest visible first; in a FIFO queue only the first message of each group. */
  #visible = new MessageLine(placeInTurn);
  #inFlight = new MessageHeap(byVisibility);
  #delayed = new MessageHeap(byVisibility);
  #ages = new MessageAges();
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

  /** The message that was enqueued before all others. */
  oldest(): Message | undefined {
    return this.#ages.oldest();
  }

  /**
   * When the next message becomes visible of those that were invisible at the last look; undefined for none. It may be past
   * by now: whoever waits must look again.
   */
  nextVisibleAtMs(): number | undefined {
    const times = [this.#inFlight.first(), this.#delayed.first()].flatMap((first) => first?.visibleAtMs ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Does nothing for an id that is here already. */
  add(stored: StoredMessage, nowMs: number): void {
    if (this.#messages.has(stored.id)) return;
    const message: Message = { ...stored, heapIndex: -1, ageIndex: -1, order: 0 };
    this.#messages.set(message.id, message);
    this.#ages.add(message);
    if (this.#fifo) this.#groupOf(message).push(message);
    this.#place(message, nowMs);
  }

  remove(message: Message): void {
    if (!this.#messages.delete(message.id)) return;
    this.#ages.remove(message);
    this.#displace(message);
    if (!this.#fifo) return;
    const group = this.#groupOf(message);
    const wasFirst = group.at(0) === message;
    group.remove(message);
    if (group.length === 0) this.#groups.delete(message.groupId ?? "");
    const next = group.at(0);
    if (wasFirst && next && !this.#isHidden(next)) this.#show(next);
  }

  clear(): void {
    this.#messages.clear();
    this.#groups.clear();
    this.#visible = new MessageLine(placeInTurn);
    this.#inFlight = new MessageHeap(byVisibility);
    this.#delayed = new MessageHeap(byVisibility);
    this.#ages = new MessageAges();
  }

  /** The message that has been receivable for longest. */
  firstVisible(nowMs: number): Message | undefined {
    this.#promote(nowMs);
    return this.#visible.first();
  }

  setVisibleAt(message: Message, visibleAtMs: number, nowMs: number): void {
    this.#displace(message);
    message.visibleAtMs = visibleAtMs;
    this.#place(message, nowMs);
  }

  /** Takes up to `max` visible messages. */
  take(options: TakeOptions): Message[] {
    this.#promote(options.nowMs);
    const taken = this.#fifo ? this.#takeFromGroups(options) : this.#takeVisible(options);
    for (const message of taken) {
      options.receive(message);
      this.#place(message, options.nowMs);
    }
    return taken;
  }

  /** How many of the `wanted` messages may be received, when `limit` may be in flight. */
  roomInFlight(wanted: number, limit: number, nowMs: number): number {
    return Math.max(0, Math.min(wanted, limit - this.counts(nowMs).inFlight));
  }

  counts(nowMs: number): MessageCounts {
    this.#promote(nowMs);
    const [inFlight, delayed] = [this.#inFlight.size, this.#delayed.size];
    return { visible: this.#messages.size - inFlight - delayed, inFlight, delayed };
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
    for (const message of overtaken.reverse()) this.#visible.addFirst(message);
    return taken;
  }

  #takeFromGroups(options: TakeOptions): Message[] {
    const taken: Message[] = [];
    for (let first = this.#visible.first(); first && taken.length < options.max; first = this.#visible.first()) {
      this.#takeFromGroup(this.#groupOf(first), taken, options);
    }
    return taken;
  }

  /**
   * From a group, its first messages up to the first that is hidden: what stands behind a message in flight waits for it.
   * What then comes first is shown behind the other groups.
   */
  #takeFromGroup(group: ArrayQueue<Message>, taken: Message[], { max, usable }: TakeOptions): void {
    let index = 0;
    while (taken.length < max) {
      const message = group.at(index);
      if (!message || this.#isHidden(message)) return;
      if (!usable(message)) continue;
      this.#visible.remove(message);
      taken.push(message);
      index++;
    }
  }

  #groupOf(message: Message): ArrayQueue<Message> {
    const id = message.groupId ?? "";
    const group = this.#groups.get(id) ?? new ArrayQueue<Message>();
    this.#groups.set(id, group);
    return group;
  }

  #place(message: Message, nowMs: number): void {
    if (message.visibleAtMs <= nowMs) {
      this.#show(message);
      return;
    }
    message.order = this.#order++;
    (message.receipt === undefined ? this.#delayed : this.#inFlight).add(message);
  }

  /** In a FIFO queue, what is not the first of its group stays behind it. */
  #show(message: Message): void {
    if (this.#fifo && this.#groupOf(message).at(0) !== message) return;
    this.#visible.add(message);
  }

  #displace(message: Message): void {
    for (const place of [this.#visible, this.#inFlight, this.#delayed]) place.remove(message);
  }

  #isHidden(message: Message): boolean {
    return this.#inFlight.has(message) || this.#delayed.has(message);
  }

  #promote(nowMs: number): void {
    for (const heap of [this.#delayed, this.#inFlight]) {
      for (let next = heap.first(); next && next.visibleAtMs <= nowMs; next = heap.first()) {
        heap.remove(next);
        this.#show(next);
      }
    }
  }
}
