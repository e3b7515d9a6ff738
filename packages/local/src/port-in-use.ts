import { TendrilError } from "@tendril/core/errors";

/** Words EADDRINUSE for people, as the error `port_in_use`; passes every other error on. `option` is the flag that moves the port. */
export function portInUse(port: number, option: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE") throw error;
    throw new TendrilError("port_in_use", {
      where: `127.0.0.1:${port}`,
      given: "a port that another process listens on",
      allowed: "a free one",
      fix: `Stop the other process, or choose another port with ${option}.`,
      cause: error,
    });
  };
}
