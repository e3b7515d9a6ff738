import { randomUUID } from "node:crypto";
import type { Clock, ClockTimer } from "../clock.ts";
import { ExpiringMap } from "./expiring-map.ts";
import { LongPolls } from "./long-polls.ts";
import { Mailbox, type MessageCounts } from "./mailbox.ts";
import type { Message, StoredMessage } from "./message.ts";
import { type QueueSettings, readSettings } from "./queue-attributes.ts";
import { type Weather, withoutLost } from "./weather.ts";

/** A queue without its messages. */
export interface QueueState {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly purgedMs?: number;
  /** The deduplication scope that holds until a change of it has reached all of SQS. */
  readonly formerScope?: { readonly perGroup: boolean; readonly untilMs: number };
  /** The last sequence number that a FIFO queue gave. */
  readonly sequenceNumber?: string;
}

/** What a queue tells of what happens to its messages by itself. */
export interface QueueEvents {
  received(queue: Queue, messages: readonly Message[]): void;
  expired(queue: Queue, messages: readonly Message[]): void;
  /** The message was received as often as it may be: moves it to the dead-letter queue; false when there is none. */
  exhausted(queue: Queue, message: Message): boolean;
}

export interface ReceiveOptions {
  readonly max: number;
  readonly visibilityMs: number;
  readonly waitMs: number;
  /** Whether the reader is in this process and ends with it. */
  readonly polled?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a deduplication id was used for. */
export interface Deduplicated {
  readonly messageId: string;
  readonly sequenceNumber: string;
  /** Settles when the message is kept or refused; undefined when it was kept before. */
  keeping?: Promise<unknown> | undefined;
}

/**
 * How long a deduplication id, and a receive request attempt id, is remembered.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
 */
const deduplicationMs = 5 * 60_000;

/** Sequence numbers of a FIFO queue have 20 digits and grow. */
const firstSequenceNumber = 18_850_000_000_000_000_000n;

/**
 * How many messages of a queue may be in flight.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
const maxInFlight = 120_000;

/** A queue with its messages and those who wait for them. */
export class Queue {
  readonly name: string;
  readonly arn: string;
  readonly fifo: boolean;
  readonly mailbox: Mailbox;
  readonly deduplicated = new ExpiringMap<Deduplicated>(deduplicationMs);
  readonly attempts = new ExpiringMap<readonly Message[]>(deduplicationMs);
  readonly #clock: Clock;
  readonly #events: QueueEvents;
  readonly #polls: LongPolls;
  readonly #weather: Weather | undefined;
  #state: QueueState;
  #settings: QueueSettings;
  #sequenceNumber = firstSequenceNumber;
  #timer: { atMs: number; timer: ClockTimer } | undefined;
  #wakes = false;

  constructor(options: {
    state: QueueState;
    arn: string;
    clock: Clock;
    events: QueueEvents;
    weather?: Weather | undefined;
  }) {
    this.name = options.state.name;
    this.arn = options.arn;
    this.fifo = this.name.endsWith(".fifo");
    this.mailbox = new Mailbox(this.fifo);
    this.#clock = options.clock;
    this.#events = options.events;
    this.#weather = options.weather;
    this.#polls = new LongPolls(options.clock);
    this.#state = options.state;
    this.#settings = readSettings(options.state.attributes);
    this.state = options.state;
  }

  get state(): QueueState {
    return this.fifo ? { ...this.#state, sequenceNumber: String(this.#sequenceNumber) } : this.#state;
  }

  set state(state: QueueState) {
    this.#state = state;
    this.#settings = readSettings(state.attributes);
    this.sawSequenceNumber(state.sequenceNumber);
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  /** Under what a deduplication id is remembered: for the whole queue, or for the group alone. */
  deduplicationKey(deduplicationId: string, groupId: string | undefined, nowMs: number): string {
    const former = this.#state.formerScope;
    const perGroup = former && nowMs < former.untilMs ? former.perGroup : this.#settings.deduplicatesPerGroup;
    return perGroup ? `${groupId}|${deduplicationId}` : deduplicationId;
  }

  nextSequenceNumber(): string {
    this.#sequenceNumber += 256n;
    return String(this.#sequenceNumber);
  }

  /** Later sequence numbers are higher than this one. */
  sawSequenceNumber(sequenceNumber: string | undefined): void {
    if (sequenceNumber === undefined) return;
    const seen = BigInt(sequenceNumber);
    if (seen > this.#sequenceNumber) this.#sequenceNumber = seen;
  }

  add(message: StoredMessage): void {
    this.mailbox.add(message, this.#clock.now());
    this.#wakeSoon();
  }

  remove(message: Message): void {
    this.mailbox.remove(message);
    if (this.fifo) this.#wakeSoon();
  }

  setVisibleAt(message: Message, visibleAtMs: number): void {
    this.mailbox.setVisibleAt(message, visibleAtMs, this.#clock.now());
    this.#wakeSoon();
  }

  purge(atMs: number): void {
    this.mailbox.clear();
    this.#state = { ...this.#state, purgedMs: atMs };
  }

  /** Takes visible messages; when there are none, waits for them. */
  async receive(options: ReceiveOptions): Promise<Message[]> {
    const take = (): Message[] => (this.#weather ? this.#takeIn(this.#weather, options) : this.#take(options));
    const messages = take();
    if (messages.length > 0 || options.waitMs <= 0) return messages;
    const waited = this.#polls.wait({ waitMs: options.waitMs, signal: options.signal, take });
    this.#armTimer();
    return waited;
  }

  /** The message that came first of those that could be received; it is not received by this. */
  firstVisible(): Message | undefined {
    this.#sweep();
    return this.mailbox.firstVisible(this.#clock.now());
  }

  /** Whether as many messages are in flight as may be: none is received until one is deleted or visible again. */
  get isFull(): boolean {
    return this.mailbox.roomInFlight(1, maxInFlight, this.#clock.now()) === 0;
  }

  counts(): MessageCounts {
    this.#sweep();
    return this.mailbox.counts(this.#clock.now());
  }

  /** Ends those who wait. */
  close(): void {
    this.#timer?.timer.cancel();
    this.#polls.close();
  }

  #takeIn(weather: Weather, options: ReceiveOptions): Message[] {
    for (;;) {
      const lost = new Set<Message>();
      const taken = this.#take(options, weather, lost);
      const reached = withoutLost(taken, lost);
      if (taken.length > 0) this.#wakeSoon(); // for what is visible again too early
      // When all were lost, whoever waits would not be woken for what is visible now.
      if (reached.length > 0 || taken.length === 0 || options.visibilityMs === 0) return reached;
    }
  }

  #take({ max, visibilityMs, polled = false }: ReceiveOptions, weather?: Weather, lost?: Set<Message>): Message[] {
    this.#sweep();
    const nowMs = this.#clock.now();
    const taken = this.mailbox.take({
      max: this.mailbox.roomInFlight(max, maxInFlight, nowMs),
      nowMs,
      usable: (message) => !this.#giveUp(message),
      isOvertaken: weather && ((message) => weather.isOvertaken(this.name, message.id)),
      receive: (message) => {
        message.receiveCount++;
        message.firstReceivedMs ??= nowMs;
        message.receivedMs = nowMs;
        message.visibleAtMs = nowMs + visibilityMs;
        message.polled = polled;
        message.receipt = randomUUID();
        const fault = weather?.receipt(this.name, message.id);
        if (fault?.kind === "counted-twice") message.receiveCount++;
        if (fault?.kind === "visible-again") message.visibleAtMs = nowMs + Math.min(fault.afterMs, visibilityMs);
        if (fault?.kind === "lost") lost?.add(message);
      },
    });
    if (taken.length > 0) this.#events.received(this, taken);
    return taken;
  }

  #giveUp(message: Message): boolean {
    const redrive = this.#settings.redrive;
    if (!redrive || message.receiveCount - message.receivedElsewhere < redrive.maxReceiveCount) return false;
    return this.#events.exhausted(this, message);
  }

  #hasExpired(message: Message): boolean {
    return message.enqueuedMs + this.#settings.retentionMs <= this.#clock.now();
  }

  /** Drops what has expired, so that it takes no memory while nobody receives it. */
  #sweep(): void {
    const expired: Message[] = [];
    for (let oldest = this.mailbox.oldest(); oldest && this.#hasExpired(oldest); oldest = this.mailbox.oldest()) {
      this.mailbox.remove(oldest);
      expired.push(oldest);
    }
    if (expired.length > 0) this.#events.expired(this, expired);
  }

  /** Once for all messages of a batch. */
  #wakeSoon(): void {
    if (this.#wakes || this.#polls.isEmpty) return;
    this.#wakes = true;
    queueMicrotask(() => {
      this.#wakes = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#polls.serve();
    this.#armTimer();
  }

  /** While somebody waits, wakes when the next message becomes visible. */
  #armTimer(): void {
    const atMs = this.#polls.isEmpty ? undefined : this.mailbox.nextVisibleAtMs();
    if (atMs === this.#timer?.atMs) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (atMs === undefined) return;
    const timer = this.#clock.at(atMs, () => {
      this.#timer = undefined;
      this.#wake();
    });
    this.#timer = { atMs, timer };
  }
}
