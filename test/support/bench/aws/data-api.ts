import { Agent, request } from "node:http";
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RDSDataClient,
} from "@aws-sdk/client-rds-data";
import pg from "pg";
import type { Row } from "../bench.ts";
import { medianOf, ratioOf, spreadOf } from "../statistics.ts";
import { atOnce, clientConfig } from "./sqs-load.ts";

/** From the database outwards: what each has over the one before it is what its layer costs. */
const layers = ["pg, directly", "the Data API over raw HTTP", "the Data API through the SDK"] as const;
type Layer = (typeof layers)[number];

const actions = ["insert", "select", "begin, insert, commit"] as const;
type Action = (typeof actions)[number];

const concurrencies = [1, 8] as const;

/** What was measured of one layer in one way; a value for each round. */
export interface DataApiResult {
  readonly layer: Layer;
  readonly action: Action;
  readonly concurrency: number;
  readonly perSecond: number[];
}

export interface DataApiOptions {
  readonly url: string;
  /** Of the PostgreSQL behind it. */
  readonly databaseUrl: string;
  /** How often each action is run in a round. */
  readonly times: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

type Actions = Readonly<Record<Action, () => Promise<unknown>>>;

/** Runs the same statements through each layer in turn, round by round; throws when the table does not hold every row. */
export async function measureDataApi(options: DataApiOptions): Promise<DataApiResult[]> {
  const { url, databaseUrl, times, rounds, progress } = options;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 });
  await pool.query("create table bench (id bigint generated always as identity primary key, note text not null)");
  const agent = new Agent({ keepAlive: true });
  const client = new RDSDataClient(clientConfig(url));
  const calls = [directly(pool), overHttp(url, agent), throughSdk(client)];
  const results = actions.flatMap((action) =>
    concurrencies.flatMap((concurrency) =>
      layers.map((layer): DataApiResult => ({ layer, action, concurrency, perSecond: [] })),
    ),
  );
  progress("Data API: warming up");
  for (const each of calls) for (const action of actions) await run(each[action], Math.min(times, 200), 8);
  for (let round = 1; round <= rounds; round += 1) {
    if (round % 5 === 1) progress(`Data API: round ${round} of ${rounds}`);
    for (const { layer, action, concurrency, perSecond } of results) {
      const call = calls[layers.indexOf(layer)]?.[action];
      if (call) perSecond.push(await run(call, times, concurrency));
    }
  }
  const expected = 2 * layers.length * (Math.min(times, 200) + rounds * concurrencies.length * times);
  const { rows } = await pool.query("select count(*)::int as rows from bench");
  if (rows[0]?.rows !== expected) throw new Error(`The table has ${rows[0]?.rows} rows, not ${expected}.`);
  client.destroy();
  agent.destroy();
  await pool.end();
  return results;
}

/** How many times a second. */
async function run(call: () => Promise<unknown>, times: number, concurrency: number): Promise<number> {
  let left = times;
  const startMs = performance.now();
  await atOnce(concurrency, async () => {
    for (; left > 0; await call()) left -= 1;
  });
  return times / ((performance.now() - startMs) / 1000);
}

const note = "x".repeat(100);
const arns = {
  resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
};
const insert = {
  sql: "insert into bench (note) values (:note)",
  parameters: [{ name: "note", value: { stringValue: note } }],
};
const select = {
  sql: "select :id::bigint as id, :note as note",
  parameters: [{ name: "id", value: { longValue: 7 } }, ...insert.parameters],
};

function directly(pool: pg.Pool): Actions {
  const insertNote = { text: "insert into bench (note) values ($1)", values: [note] };
  return {
    insert: () => pool.query(insertNote),
    select: () => pool.query("select $1::bigint as id, $2::text as note", [7, note]),
    async "begin, insert, commit"() {
      const connection = await pool.connect();
      await connection.query("begin");
      await connection.query(insertNote);
      await connection.query("commit");
      connection.release();
    },
  };
}

function overHttp(url: string, agent: Agent): Actions {
  const post = (path: string, body: object) => postJson(url + path, agent, JSON.stringify({ ...arns, ...body }));
  return {
    insert: () => post("/Execute", insert),
    select: () => post("/Execute", select),
    async "begin, insert, commit"() {
      const { transactionId } = await post("/BeginTransaction", {});
      await post("/Execute", { ...insert, transactionId });
      await post("/CommitTransaction", { transactionId });
    },
  };
}

function throughSdk(client: RDSDataClient): Actions {
  return {
    insert: () => client.send(new ExecuteStatementCommand({ ...arns, ...insert })),
    select: () => client.send(new ExecuteStatementCommand({ ...arns, ...select })),
    async "begin, insert, commit"() {
      const { transactionId } = await client.send(new BeginTransactionCommand(arns));
      await client.send(new ExecuteStatementCommand({ ...arns, ...insert, transactionId }));
      await client.send(new CommitTransactionCommand({ ...arns, transactionId }));
    },
  };
}

function postJson(url: string, agent: Agent, body: string): Promise<{ readonly transactionId?: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    sent.on("error", reject).end(body);
  });
}

/** How often a second each layer does each action, beside pg and the layer below it. */
export function dataApiRows(results: readonly DataApiResult[]): Row[] {
  return results.map(({ layer, action, concurrency, perSecond }): Row => {
    const valuesOf = (of: Layer): readonly number[] =>
      results.find((each) => each.layer === of && each.action === action && each.concurrency === concurrency)
        ?.perSecond ?? [];
    const below = layers.slice(0, layers.indexOf(layer));
    return {
      figure: `Data API: ${action}, ${concurrency} at a time: ${layer}`,
      value: medianOf(perSecond),
      unit: "times/s",
      spread: spreadOf(perSecond),
      ratios: below.map((to) => ({ to, ratio: ratioOf(perSecond, valuesOf(to)) })),
    };
  });
}
