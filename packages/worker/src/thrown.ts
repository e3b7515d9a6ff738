import { errorText } from "@tendril/core/errors";

/**
 * Anything can be thrown, an object too whose name, message or stack throws when it is read: that one is replaced, so that
 * what settles, logs and dead-letters can read it.
 */
export function readable(thrown: unknown): unknown {
  try {
    errorText(thrown);
    if (thrown instanceof Error) String(thrown.stack);
    return thrown;
  } catch {
    return new Error("something was thrown that cannot be read");
  }
}
