/** Says on standard error how far long work is: a bar in a terminal, else a line every few seconds. */
export interface Progress {
  begin(what: string, total: number): void;
  step(count: number): void;
  end(): void;
}

const barWidth = 30;
const redrawMs = 100;
const lineMs = 5000;

export function openProgress(out: NodeJS.WriteStream = process.stderr): Progress {
  let [what, total, done, saidAtMs] = ["", 0, 0, 0];
  const show = (): void => {
    saidAtMs = performance.now();
    const all = Math.max(total, done); // SQS's counts are approximate
    if (!out.isTTY) return void out.write(`${what}: ${done} of ${all}\n`);
    const filled = all === 0 ? 0 : Math.round((done / all) * barWidth);
    const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
    out.write(`\r\u001b[2K${bar} ${done} of ${all} · ${what}`.slice(0, (out.columns || 80) + 5));
  };
  return {
    begin(nextWhat, nextTotal) {
      [what, total, done] = [nextWhat, nextTotal, 0];
      saidAtMs = performance.now();
      if (out.isTTY) show();
    },
    step(count) {
      done += count;
      if (performance.now() - saidAtMs >= (out.isTTY ? redrawMs : lineMs)) show();
    },
    end() {
      if (out.isTTY) out.write("\r\u001b[2K");
    },
  };
}
