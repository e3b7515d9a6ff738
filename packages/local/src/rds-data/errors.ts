import pg from "pg";
import { AwsError } from "../wire/aws-error.ts";
import { ResultTooLargeError } from "./pipeline.ts";

/**
 * What the Data API answers for an error of Postgres, of the connection, or of a result that is too large. Texts are
 * those of https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.troubleshooting.html where it has them.
 * `positionOf` turns a position in the text that was sent into one in the caller's text.
 */
export function toAwsError(error: unknown, positionOf = (position: number): number => position): unknown {
  if (error instanceof AwsError) return error;
  if (error instanceof ResultTooLargeError) return tooLarge(error);
  if (error instanceof pg.DatabaseError) return databaseError(error, positionOf);
  if (error instanceof Error) return unavailable(error.message || errorCode(error));
  return error;
}

/** The error for a database that cannot be reached. */
export function unavailable(reason: string): AwsError {
  return new AwsError("DatabaseUnavailableException", `The database is not available: ${reason}`);
}

export function timedOut(): AwsError {
  return new AwsError("StatementTimeoutException", "Request timed out");
}

export function badRequest(message: string): AwsError {
  return new AwsError("BadRequestException", message);
}

function tooLarge({ what }: ResultTooLargeError): AwsError {
  if (what === "row") return badRequest("Packet for query is too large: a row of the result is longer than 64 KB.");
  return badRequest("Database response exceeded size limit");
}

function databaseError(error: pg.DatabaseError, positionOf: (position: number) => number): AwsError {
  const { code, detail, hint, message, position } = error;
  if (code === "42601" && message === "cannot insert multiple commands into a prepared statement")
    return new AwsError("ValidationException", "Multistatements aren't supported.", { status: 400 });
  if (code === "3D000" && error.severity === "FATAL") return new AwsError("DatabaseNotFoundException", message);
  if (code !== undefined && /^(57P0|08)/.test(code)) return unavailable(message);
  const parts = [`${error.severity ?? "ERROR"}: ${message}`];
  if (detail) parts.push(`Detail: ${detail}`);
  if (hint) parts.push(`Hint: ${hint}`);
  if (position) parts.push(`Position: ${positionOf(Number(position))}`);
  parts.push(`SQLState: ${code}`);
  return new AwsError("DatabaseErrorException", parts.join("; "));
}

/** Node's error for several failed addresses has a code and no message. */
const errorCode = (error: Error): string => ("code" in error ? String(error.code) : error.name);
