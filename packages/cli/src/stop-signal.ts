/** Resolves when the user, the system, or the end of the parent process asks to stop; a second signal stops at once. */
export function stopSignal(): Promise<string> {
  const parent = process.ppid;
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve(signal);
      });
    }
    // Under `npm run`, an npm that was killed leaves nobody who could stop us: its end is ours.
    const watch = setInterval(() => {
      if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
      clearInterval(watch);
      resolve("npm has gone");
    }, 500);
    watch.unref();
  });
}
