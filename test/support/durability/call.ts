/** How a call ended, as its caller knows it. Times are in milliseconds since 1970. */
export type Answer<T> =
  | { readonly kind: "acknowledged"; readonly value: T; readonly startedMs: number; readonly endedMs: number }
  | { readonly kind: "refused"; readonly error: Error }
  /** The connection ended before the answer: it was done or not. */
  | { readonly kind: "cut-off" };

/** Makes a call of an SDK client that does not try again. */
export async function call<T>(send: () => Promise<T>): Promise<Answer<T>> {
  const startedMs = Date.now();
  try {
    const value = await send();
    return { kind: "acknowledged", value, startedMs, endedMs: Date.now() };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return isAnswer(error) ? { kind: "refused", error } : { kind: "cut-off" };
  }
}

/** An error that AWS answered has a status; a lost connection has none. */
function isAnswer(error: Error): boolean {
  const metadata = "$metadata" in error ? error.$metadata : undefined;
  return (
    typeof metadata === "object" &&
    metadata !== null &&
    "httpStatusCode" in metadata &&
    metadata.httpStatusCode !== undefined
  );
}
