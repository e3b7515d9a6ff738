import { kindOf, TendrilError } from "@tendril/core/errors";

/**
 * The longest result, in bytes of JSON in UTF-8: a row of the Data API has at most 64 KB, the job's other columns too.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
 */
export const longestResultBytes = 60_000;

/**
 * What a handler returned, as the JSON that the ledger keeps; undefined when it returned nothing. Error: `result_invalid`
 * for what JSON cannot carry (a BigInt, a cycle, a function) and for more than 60,000 bytes; what Postgres cannot keep of
 * JSON is for the ledger to say.
 */
export function resultText(returned: unknown): string | undefined {
  if (returned === undefined) return undefined;
  const text = writeJson(returned);
  if (text === undefined) throw refusal(`${kindOf(returned)}, which JSON leaves out`);
  const bytes = Buffer.byteLength(text);
  if (bytes > longestResultBytes) throw refusal(`${bytes} bytes`);
  return text;
}

function writeJson(returned: unknown): string | undefined {
  try {
    return JSON.stringify(returned);
  } catch (error) {
    // Its own text may hold what the job keeps private.
    const tooDeep = error instanceof RangeError;
    throw refusal(
      tooDeep ? "a value nested too deeply" : "a value with a BigInt, a cycle or a toJSON that throws",
      error,
    );
  }
}

function refusal(given: string, cause?: unknown): TendrilError {
  return new TendrilError("result_invalid", {
    where: "what the handler returned",
    given,
    allowed: `what JSON carries, at most ${longestResultBytes} bytes, or undefined`,
    fix: "Keep what is large or private in a table of your own.",
    ...(cause === undefined ? {} : { cause }),
  });
}
