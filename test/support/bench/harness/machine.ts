import { arch, cpus, loadavg, release, totalmem } from "node:os";

/** The machine in words: what the figures were measured on. */
export function wordMachine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const system = `${process.platform} ${release()} ${arch()}`;
  return `${cpus().length} cores of ${model}, ${memory}, ${system}, Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} before`;
}
