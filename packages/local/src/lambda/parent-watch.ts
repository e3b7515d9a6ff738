import { Worker } from "node:worker_threads";

/** The descriptor of the pipe that a function's process is started with: it closes when the parent is gone. */
export const parentPipe = 3;

/**
 * Ends this process, and whatever it has started, as soon as the parent is gone, even one that was killed. It watches
 * from a thread of its own, so that a handler that never yields is ended too.
 */
export function watchParent(): void {
  new Worker(`(${watch.toString()})(${parentPipe})`, { eval: true }).unref();
}

/** Runs in the thread, as text: it can use nothing from outside. */
function watch(descriptor: number): void {
  const { Socket } = process.getBuiltinModule("node:net");
  const pipe = new Socket({ fd: descriptor });
  pipe.on("error", () => {});
  pipe.on("close", () => {
    try {
      process.kill(-process.pid, "SIGKILL");
    } finally {
      process.kill(process.pid, "SIGKILL");
    }
  });
  pipe.resume();
}
