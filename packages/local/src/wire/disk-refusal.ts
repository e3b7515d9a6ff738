import { AwsError } from "./aws-error.ts";

/**
 * Words what a journal rejected with because the disk refused it (`ENOSPC`, `EFBIG`, `EDQUOT`, …) for the caller, as
 * `ServiceUnavailable` with status 503; passes every other error on.
 */
export function refusedByDisk(failure: unknown): never {
  if (!(failure instanceof Error) || !("code" in failure) || !("syscall" in failure)) throw failure;
  const message = `The disk of the local AWS refused to keep this (${failure.message}). Nothing has changed: make room and call again.`;
  throw new AwsError("ServiceUnavailable", message, { status: 503 });
}
