import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, Ratio, Row } from "../../test/support/bench/bench.ts";
import { bundleFunction } from "../../test/support/bench/bundle.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";
import { type Lane, openLane, openServer } from "./sdk-call/lane.ts";

const rounds = 7;
const callsInARound = 250;
const atOnce = 10;

/** Entry points in scripts/bench/sdk-call, by their names. */
const ways = [
  ["the SDK's clients as they come", "plain"],
  ["as the functions make them", "lean"],
  ["signed by hand over node:http", "by-hand"],
] as const;

const figures = [
  ["ExecuteStatement", "execute"],
  ["BeginTransaction and CommitTransaction", "transaction"],
  ["SendMessageBatch of ten", "send"],
] as const;

/** What a call to AWS costs whoever makes it. */
export const bench: Bench = {
  name: "sdk-call",
  compares: "the processor time of a call through the functions' clients, through the SDK's as they come, and by hand",
  async run({ progress }) {
    const folder = await temporaryFolder();
    const server = await openServer();
    const lanes: Lane[] = [];
    try {
      for (const [name, entry] of ways) {
        const { file } = await bundleFunction(`scripts/bench/sdk-call/${entry}.ts`, join(folder.path, entry));
        lanes.push(await openLane(name, file, server.url));
      }
      const rows: Row[] = [];
      for (const [figure, call] of figures) {
        progress(figure);
        for (const lane of lanes) await lane.measure(call, 500, atOnce);
        const found = await measureInTurn(lanes, rounds, (lane) => lane.measure(call, callsInARound, atOnce));
        rows.push(...rowsOf(figure, found));
      }
      return { rows, notes };
    } finally {
      for (const lane of lanes) lane.close();
      server.close();
      await folder.remove();
    }
  },
};

const notes = [
  `Each way has a process of its own and a bundle as SST makes it; a server in another process answers at once over loopback,\nwithout TLS. ${atOnce} calls at a time, as in a worker; what the kernel does for the connections is in each figure.`,
];

function rowsOf(figure: string, found: ReadonlyMap<string, readonly number[]>): Row[] {
  return [...found].map(([name, values]) => {
    const others = [...found].filter(([other]) => other !== name);
    const ratios = others.map(([to, of]): Ratio => ({ to, ratio: ratioOf(values, of) }));
    return { figure: `${figure}: ${name}`, value: medianOf(values), unit: "µs", spread: spreadOf(values), ratios };
  });
}
