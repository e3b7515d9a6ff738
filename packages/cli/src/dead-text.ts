/** What `tendril dead` prints. */
import type { Message } from "@aws-sdk/client-sqs";
import { type DeadLetter, wordReason } from "@tendril/client/operations/dead-letter";
import type { JobHistory, Row } from "./dead-history.ts";
import { paint } from "./paint.ts";
import { plainLine, plainText } from "./plain-text.ts";

/** A letter with all that is in it, for `show`. */
export interface FullLetter {
  readonly letter: DeadLetter;
  readonly message: Message;
  readonly history: JobHistory;
}

const mostReason = 80;

/** The letters as a table. */
export function listText(letters: readonly DeadLetter[]): string {
  const rows = letters.map((letter) => [
    letter.jobId,
    plainLine(letter.type ?? "?"),
    plainLine(letter.queue),
    diedText(letter),
    letter.reason.kind === "told" ? String(letter.reason.attempt ?? "?") : "?",
    shortened(plainLine(wordReason(letter.reason))),
  ]);
  const head = ["JOB", "TYPE", "QUEUE", "DIED", "ATTEMPT", "WHAT"];
  const widths = head.map((name, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), name.length),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(column === cells.length - 1 ? 0 : (widths[column] ?? 0))).join("  ");
  return [paint("dim", line(head)), ...rows.map(line)].join("\n");
}

/** When it died, to the second; an SQS that moved a letter does not say when it did. */
function diedText({ reason, atMs }: DeadLetter): string {
  return reason.kind === "told" ? timeText(atMs) : `sent ${timeText(atMs)}`;
}

const timeText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")}Z`;

const shortened = (text: string): string => (text.length <= mostReason ? text : `${text.slice(0, mostReason - 1)}…`);

/** A letter with everything. */
export function showText({ letter, message, history }: FullLetter): string {
  const { reason } = letter;
  const { MessageGroupId: group, ApproximateReceiveCount: receipts, SentTimestamp: sent } = message.Attributes ?? {};
  const told = reason.kind === "told" ? reason : undefined;
  const facts: [string, string | undefined][] = [
    ["type", letter.type ?? "? (the message cannot be read)"],
    ["queue", letter.queue],
    ["died", told && timeText(letter.atMs)],
    ["attempt", told?.attempt?.toString()],
    ["code", told?.code],
    ["reason", wordReason(reason)],
    ["group", group],
    ["letter", `${letter.messageId}, sent ${timeText(Number(sent))}, received ${receipts} times since, by this too`],
  ];
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(
    ([name, { DataType, StringValue }]) => `  ${name}: ${StringValue ?? `(${DataType})`}`,
  );
  return [
    paint("bold", letter.jobId),
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(8)} ${plainText(value)}`])),
    "attributes:",
    ...attributes.map((line) => plainText(line)),
    "body:",
    `  ${plainText(message.Body ?? "")}`,
    ...historyText(history),
  ].join("\n");
}

function historyText(history: JobHistory): string[] {
  if (history.kind === "unknown") return [`history: not known: ${plainLine(history.why)}`];
  const { job, failedAttempts } = history;
  if (job === undefined) return ["history: none, the job is not in the ledger"];
  const word = (row: Row, name: string): string => plainLine(String(row[name] ?? "-"));
  const columns = ["attempts", "first_started_at", "started_at", "finished_at", "failed_at", "last_error"];
  return [
    `history: ${word(job, "state")}`,
    ...columns.filter((name) => job[name] != null).map((name) => `  ${name.padEnd(16)} ${word(job, name)}`),
    ...failedAttempts.map(
      (row) =>
        `  attempt ${word(row, "attempt")}: ${word(row, "failed_at")} ${word(row, "state")}, ${word(row, "error")}`,
    ),
  ];
}

/** A letter's facts as JSON has them. */
export function letterJson({ jobId, messageId, type, queue, reason, atMs }: DeadLetter) {
  const told = reason.kind === "told" ? reason : undefined;
  const at = new Date(atMs).toISOString();
  return {
    job_id: jobId,
    type: type ?? null,
    queue,
    died: told === undefined ? null : at,
    ...(told === undefined ? { sent: at } : {}),
    attempt: told?.attempt ?? null,
    code: told?.code ?? null,
    what: wordReason(reason),
    message_id: messageId,
  };
}

/** A letter with everything, as JSON has it; binary attributes in base64. */
export function fullJson({ letter, message, history }: FullLetter) {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, BinaryValue }]) => [
    name,
    StringValue ?? Buffer.from(BinaryValue ?? []).toString("base64"),
  ]);
  return {
    ...letterJson(letter),
    body: message.Body ?? "",
    attributes: Object.fromEntries(attributes),
    system_attributes: message.Attributes ?? {},
    history: history.kind === "unknown" ? null : { job: history.job ?? null, failed_attempts: history.failedAttempts },
  };
}
