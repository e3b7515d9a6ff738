import type { ResultSetOptions } from "@aws-sdk/client-rds-data";
import { parseArray } from "./array-text.ts";
import type { DataType } from "./data-types.ts";
import { bytesOf, inUtc } from "./fields.ts";
import type { RunResult } from "./pipeline.ts";

/**
 * The rows as `formatRecordsAs: JSON` has them: a list of objects keyed by the columns' labels.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api-json.html
 */
export function formatRecords(
  result: RunResult,
  types: readonly DataType[],
  options: ResultSetOptions | undefined,
): string {
  const keys = result.columns.map((column) => `${JSON.stringify(column.name)}:`);
  const lastOfName = new Map(result.columns.map((column, index) => [column.name, index]));
  const kept = [...lastOfName.values()];
  const rows = result.rows.map((row) => {
    const members = kept.map((index) => `${keys[index]}${toJson(row[index] ?? null, types[index], options)}`);
    return `{${members.join()}}`;
  });
  return `[${rows.join()}]`;
}

/** Numbers keep Postgres's own digits, which a JavaScript number might not hold. */
function toJson(text: string | null, type: DataType | undefined, options: ResultSetOptions | undefined): string {
  if (text === null || type === undefined) return "null";
  if (type.isArray) {
    const elementType = { ...type, isArray: false };
    return `[${parseArray(text).map((item) => toJson(item, elementType, undefined))}]`;
  }
  switch (type.kind) {
    case "boolean":
      return String(text === "t");
    case "integer":
      return options?.longReturnType === "STRING" ? JSON.stringify(text) : text;
    case "float":
      return asNumber(text);
    case "numeric":
      return options?.decimalReturnType === "DOUBLE_OR_LONG" ? asNumber(text) : JSON.stringify(text);
    case "bytes":
      return JSON.stringify(bytesOf(text).toString("base64"));
    case "timestamptz":
      return JSON.stringify(inUtc(text));
    case "text":
      return JSON.stringify(text);
  }
}

/** JSON has no NaN and no Infinity. */
const asNumber = (text: string): string => (/[Na]/.test(text) ? JSON.stringify(text) : text);
