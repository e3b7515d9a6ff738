/** What clients were told of one message. Times are in milliseconds since 1970, on this machine's one clock. */
export interface BookedMessage {
  /** Its body up to the first `|`: unique. */
  readonly key: string;
  readonly queue: string;
  /** In a FIFO queue. */
  readonly group: string | undefined;
  readonly bytes: number;
  /** In doubt: the call was cut off. */
  sent: "acknowledged" | "in-doubt";
  readonly sentAtMs: number;
  messageId?: string | undefined;
  deleted: "no" | "in-doubt" | "acknowledged";
  deletedAtMs?: number;
  /** From when until when nobody may receive it, and why. */
  hidden?: Hold | undefined;
  /** Of its last known receive. */
  handle?: string | undefined;
}

export interface Hold {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly by: "receive" | "change" | "delay";
}

/** A receive that was answered. */
export interface Received {
  readonly queue: string;
  readonly messages: readonly { readonly id: string; readonly body: string; readonly handle: string }[];
  readonly startedMs: number;
  readonly endedMs: number;
  readonly visibilityMs: number;
}

/** The messages as clients know them, and where the server's answers contradict each other. */
export class MessageBook {
  /** Each a sentence: what the server did against its word. */
  readonly lies: string[] = [];
  /** Receives that were answered and that a killed process did not remember; SQS may deliver again at any time. */
  forgottenReceives = 0;
  readonly #messages = new Map<string, BookedMessage>();
  readonly #groups = new Map<string, BookedMessage[]>();
  /** When the server was killed last. */
  #killedAtMs = 0;

  get(key: string): BookedMessage | undefined {
    return this.#messages.get(key);
  }

  /** What is in a queue: acknowledged as sent, and nobody has begun to delete it. */
  living(queue: string): BookedMessage[] {
    return [...this.#messages.values()].filter(
      (message) => message.queue === queue && message.sent === "acknowledged" && message.deleted === "no",
    );
  }

  /** The last messages whose sending to a queue was acknowledged, deleted or not. */
  lastSent(queue: string, count: number): BookedMessage[] {
    const sent = [...this.#messages.values()].filter(
      (message) => message.queue === queue && message.sent === "acknowledged" && message.messageId !== undefined,
    );
    return sent.slice(-count);
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Bytes of bodies that may be in the queues. */
  get livingBytes(): number {
    let bytes = 0;
    for (const message of this.#messages.values()) if (message.deleted !== "acknowledged") bytes += message.bytes + 700;
    return bytes;
  }

  /** Before the call: from then on it is in doubt. */
  sending(message: Pick<BookedMessage, "key" | "queue" | "group" | "bytes">): BookedMessage {
    const booked: BookedMessage = { ...message, sentAtMs: Date.now(), sent: "in-doubt", deleted: "no" };
    this.#messages.set(message.key, booked);
    if (message.group !== undefined) {
      const place = `${message.queue} ${message.group}`;
      this.#groups.set(place, [...(this.#groups.get(place) ?? []), booked]);
    }
    return booked;
  }

  killed(): void {
    this.#killedAtMs = Date.now();
  }

  /** Holds what was received against what was told before, and books it. */
  received({ queue, messages, startedMs, endedMs, visibilityMs }: Received): BookedMessage[] {
    const found: BookedMessage[] = [];
    for (const { id, body, handle } of messages) {
      const key = body.slice(0, body.indexOf("|"));
      const message = this.#messages.get(key);
      if (!message || message.queue !== queue) {
        this.lies.push(`${queue}: received ${JSON.stringify(body.slice(0, 60))}, which nobody sent there`);
        continue;
      }
      this.#checkReceived(message, id, startedMs, endedMs);
      if (message.group !== undefined) this.#checkOrder(message, endedMs);
      message.sent = "acknowledged";
      message.messageId = id;
      message.handle = handle;
      message.hidden = { sinceMs: endedMs, untilMs: startedMs + visibilityMs, by: "receive" };
      found.push(message);
    }
    return found;
  }

  #checkReceived(message: BookedMessage, id: string, startedMs: number, endedMs: number): void {
    const { key, queue, hidden } = message;
    if (message.messageId !== undefined && message.messageId !== id) {
      this.lies.push(`${queue}: ${key} is there twice, as ${message.messageId} and as ${id}`);
    }
    if (message.deleted === "acknowledged" && startedMs > (message.deletedAtMs ?? 0)) {
      this.lies.push(`${queue}: ${key} was received although its deletion was acknowledged`);
    }
    if (!hidden || startedMs < hidden.sinceMs || endedMs >= hidden.untilMs) return;
    if (hidden.by === "receive" && hidden.sinceMs < this.#killedAtMs) this.forgottenReceives++;
    else this.lies.push(`${queue}: ${key} was received ${hidden.untilMs - endedMs} ms early (hidden by ${hidden.by})`);
  }

  /** What stands before it in its group is gone, or was received with it. */
  #checkOrder(message: BookedMessage, endedMs: number): void {
    const group = this.#groups.get(`${message.queue} ${message.group}`) ?? [];
    for (let first = group[0]; first?.deleted === "acknowledged"; first = group[0]) group.shift();
    for (const before of group) {
      if (before === message) return;
      const blocks = before.sent === "acknowledged" && before.deleted === "no" && before.hidden?.sinceMs !== endedMs;
      if (blocks) this.lies.push(`${message.queue}: ${message.key} was received before ${before.key}`);
    }
  }
}
