// In a fresh process: imports a bundle, hands its handler one event, and writes on file descriptor 3 how long it took.
// Plain JavaScript without an import: what it loaded itself, the bundle would find loaded.
const [, , bundle, event, contextText] = process.argv;
const beforeCpu = process.cpuUsage();
const beforeMs = performance.now();
const { handler } = await import(bundle);
const readyMs = performance.now();
const cpu = process.cpuUsage(beforeCpu);
const context = { ...JSON.parse(contextText), getRemainingTimeInMillis: () => 40_000 };
const answer = event === "" ? undefined : await handler(JSON.parse(event), context);
const answeredMs = performance.now();
const found = {
  importMs: readyMs - beforeMs,
  cpuMs: (cpu.user + cpu.system) / 1000,
  readyMs,
  answeredMs,
  peakMb: process.resourceUsage().maxRSS / 1024,
  answer,
};
process.getBuiltinModule("node:fs").writeSync(3, JSON.stringify(found));
process.exit();
