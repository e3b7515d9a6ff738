// A preload for a program that does not end with the process that started it: it is interrupted when that one is gone.
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGINT");
}, 500).unref();
