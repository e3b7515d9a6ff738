import type { ReadCall } from "../wire/service.ts";
import type { FaultSource } from "./fault-source.ts";

interface Entry {
  readonly Id: string;
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html */
const failures = [
  { Code: "InternalError", Message: "We encountered an internal error. Please try again." },
  { Code: "ThrottlingException", Message: "Rate exceeded" },
] as const;

const batchCalls = new Set(["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]);

/** Runs a call; of a batch call only some of the entries, and says of the others that they failed. */
export async function failEntries(
  source: FaultSource,
  site: string,
  call: ReadCall,
  run: (input: unknown) => Promise<unknown>,
): Promise<unknown> {
  const entries = batchCalls.has(call.operation) ? entriesOf(call.input) : [];
  const failed: object[] = [];
  const kept = entries.filter(({ Id }) => {
    const event = source.event(`${site} entry`);
    if (!event?.strikes("entry-failed")) return true;
    const failure = failures[event.between("entry-failed", 0, 2) < 1 ? 0 : 1];
    event.report("entry-failed", `entry failed with ${failure.Code}`);
    failed.push({ Id, SenderFault: false, ...failure });
    return false;
  });
  if (failed.length === 0) return run(call.input);
  if (kept.length === 0) return { Successful: [], Failed: failed };
  const output = members(await run({ ...members(call.input), Entries: kept }));
  const others: readonly unknown[] = Array.isArray(output.Failed) ? output.Failed : [];
  return { ...output, Failed: [...others, ...failed] };
}

function entriesOf(input: unknown): readonly Entry[] {
  const { Entries } = members(input);
  return Array.isArray(Entries) ? Entries.filter(isEntry) : [];
}

function isEntry(value: unknown): value is Entry {
  return typeof members(value).Id === "string";
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
