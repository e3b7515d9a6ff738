import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as sqs from "@aws-sdk/client-sqs";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import { startSqs } from "@tendril/local/sqs/fixture";

/** What came back over the wire, in the shape in which boto3 shows it. */
export interface Answer {
  readonly Error?: { readonly Code: string; readonly Message: string };
  readonly Messages?: readonly ReceivedMessage[];
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly QueueUrl?: string;
  readonly MessageId?: string;
  readonly NextToken?: string;
  readonly [member: string]: unknown;
}

export interface ReceivedMessage {
  readonly MessageId: string;
  readonly Body: string;
  readonly ReceiptHandle: string;
  readonly Attributes?: Readonly<Record<string, string>>;
}

type Ask = (client: sqs.SQSClient) => Promise<unknown>;
type Attributes = Record<string, string>;

/** An SQS of its own with a client, on which a recorded scenario is played again. */
export interface Stage {
  readonly clock: VirtualClock;
  /** Makes a queue of a new name, which ends in `.fifo` when an attribute says so, and returns its URL. */
  queue(attributes?: Attributes): Promise<string>;
  /** Makes a FIFO queue of a new name. */
  fifo(attributes?: Attributes): Promise<string>;
  arn(queueUrl: string): Promise<string>;
  /** For what has no shorthand: `call((client) => client.send(command))`. */
  call(ask: Ask): Promise<Answer>;
  send(queueUrl: string, body: string, input?: Partial<sqs.SendMessageCommandInput>): Promise<Answer>;
  sendBatch(queueUrl: string, entries: sqs.SendMessageBatchRequestEntry[]): Promise<Answer>;
  receive(queueUrl: string, input?: Partial<sqs.ReceiveMessageCommandInput>): Promise<Answer>;
  /** Receives from a queue in which nothing is visible, and moves the time until the wait is over. */
  receiveAfter(waitSeconds: number, queueUrl: string): Promise<Answer>;
  remove(queueUrl: string, received: Answer): Promise<Answer>;
  hide(queueUrl: string, received: Answer, seconds: number, index?: number): Promise<Answer>;
  attributes(queueUrl: string, ...names: sqs.QueueAttributeName[]): Promise<Answer>;
  set(queueUrl: string, attributes: Attributes): Promise<Answer>;
  /** Keeps an answer, or a part of answers, under the recording's label. A refusal that is never kept fails the scenario. */
  record(label: string, answer: unknown): void;
}

/** The steps of recorded scenarios, by the recording's name. */
export type Scenarios = Readonly<Record<string, (stage: Stage) => Promise<unknown>>>;

/** Plays a scenario; resolves with what it has recorded, by label. */
export async function play(steps: (stage: Stage) => Promise<unknown>): Promise<Record<string, unknown>> {
  const { clock, nextTimer } = watchedClock();
  const { client, close } = await startSqs({ clock });
  const recorded: Record<string, unknown> = {};
  const refused = new Set<Answer>();
  const wire = watchWire(client);
  const call = async (ask: Ask): Promise<Answer> => {
    const answer = await wire(ask);
    if (answer.Error) refused.add(answer);
    return answer;
  };
  const record: Stage["record"] = (label, answer) => {
    recorded[label] = answer;
    for (const each of refused) if (each === answer) refused.delete(each);
  };
  try {
    await steps({ clock, call, record, ...shorthands(call, { clock, nextTimer }) });
  } finally {
    await close();
  }
  for (const { Error: error } of refused) throw new Error(`A step was refused: ${error?.Code}: ${error?.Message}`);
  return recorded;
}

/** The receipt handle of a received message. */
export function handle({ Messages }: Answer, index = 0): string {
  const message = Messages?.[index];
  if (!message) throw new Error(`There is no message ${index}.`);
  return message.ReceiptHandle;
}

/** A string as a message attribute. */
export function text(StringValue: string): sqs.MessageAttributeValue {
  return { DataType: "String", StringValue };
}

type Watched = { readonly clock: VirtualClock; readonly nextTimer: () => Promise<void> };

function shorthands(
  call: (ask: Ask) => Promise<Answer>,
  { clock, nextTimer }: Watched,
): Omit<Stage, "clock" | "call" | "record"> {
  let queues = 0;
  const queue = async (Attributes: Attributes = {}): Promise<string> => {
    const QueueName = `queue-${++queues}${Attributes.FifoQueue ? ".fifo" : ""}`;
    return (await call((client) => client.send(new sqs.CreateQueueCommand({ QueueName, Attributes })))).QueueUrl ?? "";
  };
  const receive: Stage["receive"] = (QueueUrl, input) =>
    call((client) =>
      client.send(new sqs.ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: [], ...input })),
    );
  const attributes: Stage["attributes"] = (QueueUrl, ...AttributeNames) =>
    call((client) => client.send(new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames })));
  return {
    queue,
    receive,
    attributes,
    fifo: (given) => queue({ FifoQueue: "true", ...given }),
    arn: async (queueUrl) => (await attributes(queueUrl, "QueueArn")).Attributes?.QueueArn ?? "",
    send: (QueueUrl, MessageBody, input) =>
      call((client) => client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody, ...input }))),
    sendBatch: (QueueUrl, Entries) =>
      call((client) => client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries }))),
    async receiveAfter(waitSeconds, queueUrl) {
      const waits = nextTimer();
      const answer = receive(queueUrl, { WaitTimeSeconds: waitSeconds });
      await Promise.race([waits, answer]);
      await clock.advance(waitSeconds * 1_000);
      return answer;
    },
    remove: (QueueUrl, received) =>
      call((client) => client.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: handle(received) }))),
    hide: (QueueUrl, received, VisibilityTimeout, index) =>
      call((client) =>
        client.send(
          new sqs.ChangeMessageVisibilityCommand({
            QueueUrl,
            ReceiptHandle: handle(received, index),
            VisibilityTimeout,
          }),
        ),
      ),
    set: (QueueUrl, given) =>
      call((client) => client.send(new sqs.SetQueueAttributesCommand({ QueueUrl, Attributes: given }))),
  };
}

/** A clock that tells when something begins to wait. */
function watchedClock(): Watched {
  const clock = virtualClock(Date.UTC(2030, 0, 1));
  let waits = (): void => {};
  const at: VirtualClock["at"] = (timeMs, run) => {
    waits();
    return clock.at(timeMs, run);
  };
  return {
    clock: { ...clock, at },
    nextTimer: () =>
      new Promise((resolve) => {
        waits = resolve;
      }),
  };
}

interface WireResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body: Readable;
}

/** Sends commands with the SDK's client, and reads each answer as it came over the wire, whatever the client makes of it. */
function watchWire(client: sqs.SQSClient): (ask: Ask) => Promise<Answer> {
  let last: Answer | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as WireResponse;
      const bytes = await buffer(response.body);
      response.body = Readable.from([bytes]);
      last = toAnswer(response, bytes.toString());
      return result;
    },
    { step: "deserialize", priority: "low", name: "watchWire" },
  );
  return async (ask) => {
    last = undefined;
    const failure = await ask(client).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (last === undefined) throw failure;
    return last;
  };
}

function toAnswer({ statusCode, headers }: WireResponse, body: string): Answer {
  const ResponseMetadata = { HTTPHeaders: {}, HTTPStatusCode: statusCode };
  const content = JSON.parse(body === "" ? "{}" : body, readBinary) as Record<string, unknown>;
  if (statusCode < 300) return { ...content, ResponseMetadata };
  const QueryErrorCode = String(content.__type).replace(/^.*#/, "");
  const [Code = "", Type = ""] = (headers["x-amzn-query-error"] ?? "").split(";");
  const Message = String(content.message ?? content.Message);
  return { Error: { Code, Message, QueryErrorCode, Type }, ResponseMetadata } as Answer;
}

/** Bytes, as Python writes them. */
function readBinary(key: string, value: unknown): unknown {
  if (key !== "BinaryValue" || typeof value !== "string") return value;
  const escaped = Buffer.from(value, "base64")
    .toString("latin1")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Python escapes
    .replace(/[\x00-\x1f\x7f-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `b'${escaped}'`;
}
