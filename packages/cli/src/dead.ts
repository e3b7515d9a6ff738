import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { type DeadFilter, type DeadLetter, isChosen, readDeadLetter } from "@tendril/client/operations/dead-letter";
import type { DeadQueue } from "@tendril/client/operations/dead-queue";
import { countMessages, openDeadReader } from "@tendril/client/operations/dead-reader";
import { type Tally, workThrough } from "@tendril/client/operations/dead-work";
import { TendrilError } from "@tendril/core/errors";
import type { DeadCommand } from "./dead-command.ts";
import { confirm } from "./dead-confirm.ts";
import { openProgress, type Progress } from "./dead-progress.ts";
import { findDeadQueues, openSqs } from "./dead-queues.ts";
import { type Survey, surveyLetters } from "./dead-survey.ts";
import { fullJson, letterJson, listText, showText } from "./dead-text.ts";
import { stopSignal } from "./stop-signal.ts";
import { usageError } from "./usage-error.ts";

/** What every part of the command works with. */
interface Desk {
  readonly sqs: SQSClient;
  readonly queues: readonly DeadQueue[];
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * `tendril dead`: looks into dead-letter queues, sends letters back or drops them. The exit code is 0 when all was done,
 * also when there was nothing to do; 1 when something failed or was not wanted in the end; 130 when it was stopped.
 * Errors: `usage`, `dead_letter_missing`, `queue_unknown`, `aws_call_failed`, and those of a project that cannot be opened.
 */
export async function dead(command: DeadCommand): Promise<void> {
  const asks = (command.name === "redrive" || command.name === "drop") && !command.yes;
  if (asks && !process.stdin.isTTY) {
    throw usageError(`dead ${command.name}, with nobody at a terminal to confirm it`, `dead ${command.name} … --yes`);
  }
  const stopping = new AbortController();
  void stopSignal().then((reason) => {
    console.error(`\n${reason}: stopping; letters that are left become visible again (Ctrl-C again: at once)`);
    stopping.abort();
  });
  const sqs = openSqs(command.at);
  try {
    const named = command.name === "show" ? undefined : command.filter.queue;
    const queues = await findDeadQueues(sqs, command.at, named);
    const desk = { sqs, queues, signal: stopping.signal, progress: openProgress() };
    await run(command, desk);
    if (stopping.signal.aborted) process.exitCode = 130;
  } finally {
    sqs.destroy();
  }
}

async function run(command: DeadCommand, desk: Desk): Promise<void> {
  switch (command.name) {
    case "list":
      return list(command, desk);
    case "show":
      return show(command, desk);
    case "redrive":
    case "drop":
      return work(command, desk);
  }
}

async function list({ filter, json }: Extract<DeadCommand, { name: "list" }>, desk: Desk): Promise<void> {
  const survey = await surveyLetters({ ...desk, filter });
  if (json) printJson(survey.letters.map(letterJson));
  else console.log(survey.letters.length === 0 ? "no dead letters" : listText(survey.letters));
  tellNotes(survey);
}

function tellNotes({ notes, stillHidden }: Pick<Survey, "notes" | "stillHidden">): void {
  for (const note of notes) console.error(note);
  if (stillHidden > 0) console.error(`${stillHidden} letters stay hidden for some minutes: SQS did not answer`);
}

async function show(command: Extract<DeadCommand, { name: "show" }>, desk: Desk): Promise<void> {
  const found: { message: Message; letter: DeadLetter }[] = [];
  for (const queue of desk.queues) {
    const { visible } = await countMessages(desk.sqs, queue);
    const reader = openDeadReader({ ...desk, queue, expected: visible });
    desk.progress.begin(`reading the dead letters of ${queue.name}`, visible);
    try {
      for await (const messages of reader.batches()) {
        desk.progress.step(messages.length);
        const letters = messages.map((message) => ({ message, letter: readDeadLetter(message, queue) }));
        const filter: DeadFilter = { jobIds: [command.jobId], limit: 1 };
        found.push(...letters.filter(({ letter }) => isChosen(letter, filter)));
      }
    } finally {
      desk.progress.end();
      tellNotes({ notes: [], stillHidden: await reader.release() });
    }
  }
  if (found.length === 0) {
    throw new TendrilError("dead_letter_missing", {
      given: command.jobId,
      allowed: "the job id of a dead letter",
      fix: "See `tendril dead list`.",
    });
  }
  const { readHistory } = await import("./dead-history.ts");
  const history = await readHistory(command.at, command.database, found[0]?.letter.jobId ?? command.jobId);
  if (command.json) return printJson(found.map((each) => fullJson({ ...each, history })));
  console.log(found.map((each) => showText({ ...each, history })).join("\n\n"));
}

const mostShown = 10;

async function work(command: Extract<DeadCommand, { name: "redrive" | "drop" }>, desk: Desk): Promise<void> {
  const survey = await surveyLetters({ ...desk, filter: command.filter });
  tellNotes(survey);
  tellMissing(command.filter, survey);
  if (desk.signal.aborted) return;
  const { letters } = survey;
  if (letters.length === 0) return console.log("no dead letters: nothing to do");
  const many = counted(letters.length);
  console.log(listText(letters.slice(0, mostShown)));
  if (letters.length > mostShown) console.log(`and ${letters.length - mostShown} more`);
  const question = command.name === "redrive" ? `Send ${many} back? [y/N] ` : `Delete ${many} for ever? [y/N] `;
  if (!command.yes && !(await confirm(question, desk.signal))) {
    process.exitCode = 1;
    return console.log("nothing was done");
  }
  const tally: Tally = { done: 0, failures: new Map(), stillHidden: 0 };
  try {
    for (const queue of desk.queues) await workOn(queue, command, desk, survey, tally);
  } finally {
    tellTally(command.name, tally, letters.length);
  }
}

async function workOn(
  queue: DeadQueue,
  { name, filter }: Extract<DeadCommand, { name: "redrive" | "drop" }>,
  desk: Desk,
  survey: Survey,
  tally: Tally,
): Promise<void> {
  const ids = new Set(survey.letters.filter((each) => each.queue === queue.name).map((each) => each.messageId));
  if (ids.size === 0) return;
  // What lay behind others in a FIFO group could not be counted one by one: as many as were there are looked at, too.
  let unseen = queue.fifo && filter.limit === Number.POSITIVE_INFINITY ? (survey.unseen.get(queue.name) ?? 0) : 0;
  const wants = (letter: DeadLetter): boolean => {
    if (ids.has(letter.messageId)) return true;
    if (!isChosen(letter, filter)) return false;
    unseen -= 1;
    return unseen >= 0;
  };
  const { visible } = await countMessages(desk.sqs, queue);
  desk.progress.begin(name === "redrive" ? `sending back to ${queue.name}` : `deleting in ${queue.name}`, ids.size);
  try {
    const onDone = (count: number): void => desk.progress.step(count);
    const most = ids.size + unseen;
    await workThrough({ ...desk, queue, name, isChosen: wants, most, expected: visible, tally, onDone });
  } finally {
    desk.progress.end();
  }
}

function tellMissing({ jobIds }: DeadFilter, { letters }: Survey): void {
  const found = new Set(letters.flatMap((each) => [each.jobId, each.messageId]));
  for (const id of jobIds) if (!found.has(id)) console.error(`no dead letter of ${id} was found`);
}

function tellTally(name: "redrive" | "drop", tally: Tally, chosen: number): void {
  console.log(`${name === "redrive" ? "sent back" : "deleted"}: ${counted(tally.done)}`);
  const left = chosen - tally.done - tally.failures.size;
  if (left > 0) console.error(`${counted(left)} of the chosen ones are left`);
  for (const { jobId, why } of tally.failures.values()) console.error(`failed: ${jobId}: ${why}`);
  if (left > 0 || tally.failures.size > 0) process.exitCode = 1;
  tellNotes({ notes: [], stillHidden: tally.stillHidden });
}

const counted = (count: number): string => `${count} dead ${count === 1 ? "letter" : "letters"}`;

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
