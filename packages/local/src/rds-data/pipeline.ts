import pg from "pg";
import { AwsError } from "../wire/aws-error.ts";
import type { BoundParameters } from "./bound-parameters.ts";

/** A column of a result, as Postgres describes it. */
export interface Column {
  readonly name: string;
  readonly tableId: number;
  readonly columnId: number;
  readonly typeId: number;
  /** What stands in brackets after the type (precision and scale, length), as Postgres packs it; -1 for nothing. */
  readonly typeModifier: number;
}

/** A row's values in Postgres's text format. */
export type Row = readonly (string | null)[];

export interface RunResult {
  /** The first word of the command tag: `SELECT`, `INSERT`, `CREATE`. */
  readonly command: string;
  readonly rowCount: number;
  /** Empty for a statement that returns no rows. */
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** The result does not fit a response of the Data API. */
export class ResultTooLargeError extends Error {
  readonly what: "row" | "response";

  constructor(what: "row" | "response") {
    super(`${what} too large`);
    this.what = what;
  }
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html */
const longestRowBytes = 64 * 1024;
const longestResponseBytes = 1024 * 1024;

/**
 * Runs one statement, once for each set of parameters, in a single round trip: outside a transaction that is one
 * transaction of its own, all or nothing; when it `begins` one, BEGIN goes before it in
 * the same round trip. Resolves when the connection is ready again, also when it rejects (with pg's
 * DatabaseError, the connection's error, or ResultTooLargeError, after which the statement has been run all the same).
 */
export function runPipeline(
  client: pg.ClientBase,
  text: string,
  sets: readonly BoundParameters[],
  begins = false,
): Promise<RunResult[]> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const isOver = !(error instanceof pg.DatabaseError) || error.severity === "FATAL";
      if (isOver) reject(error);
      else whenReady(client, () => reject(error));
    };
    client.query(new Pipeline(text, sets, begins, resolve, fail));
  });
}

/** pg tells of an error before the server is ready again, and only then knows whether a transaction is open. */
function whenReady(client: pg.ClientBase, run: () => void): void {
  const done = (): void => {
    client.off("drain", done).off("end", done);
    run();
  };
  client.on("drain", done).on("end", done);
}

interface RowDescription {
  readonly fields: readonly pg.FieldDef[];
}

/** What pg hands the server's messages to while it runs; the names of the methods are pg's. */
class Pipeline implements pg.Submittable {
  readonly #text: string;
  readonly #sets: readonly BoundParameters[];
  readonly #resolve: (results: RunResult[]) => void;
  readonly #fail: (error: Error) => void;
  readonly #results: RunResult[] = [];
  /** Whether what completes next is the BEGIN. */
  #begins: boolean;
  #columns: Column[] = [];
  #rows: Row[] = [];
  #responseBytes = 0;
  #tooLarge: "row" | "response" | undefined;

  constructor(
    text: string,
    sets: readonly BoundParameters[],
    begins: boolean,
    resolve: (results: RunResult[]) => void,
    fail: (error: Error) => void,
  ) {
    this.#text = text;
    this.#sets = sets;
    this.#begins = begins;
    this.#resolve = resolve;
    this.#fail = fail;
  }

  submit(connection: pg.Connection): void {
    connection.stream.cork();
    if (this.#begins) {
      connection.parse({ name: "", text: "begin", types: [] }, true);
      connection.bind({}, true);
      connection.execute({}, true);
    }
    let parsedTypes: string | undefined;
    for (const { types, values } of this.#sets) {
      const typeList = types.join();
      if (typeList !== parsedTypes) connection.parse({ name: "", text: this.#text, types: types.map(String) }, true);
      parsedTypes = typeList;
      connection.bind({ values: [...values] }, true);
      connection.describe({ type: "P", name: "" }, true);
      connection.execute({}, true);
    }
    connection.sync();
    connection.stream.uncork();
  }

  handleRowDescription(message: RowDescription): void {
    this.#columns = message.fields.map((field) => ({
      name: field.name,
      tableId: field.tableID,
      columnId: field.columnID,
      typeId: field.dataTypeID,
      typeModifier: field.dataTypeModifier,
    }));
  }

  handleDataRow(message: { readonly fields: Row }): void {
    let bytes = 0;
    for (const value of message.fields) bytes += value === null ? 0 : Buffer.byteLength(value);
    this.#responseBytes += bytes;
    if (bytes > longestRowBytes) this.#tooLarge ??= "row";
    else if (this.#responseBytes > longestResponseBytes) this.#tooLarge ??= "response";
    if (this.#tooLarge === undefined) this.#rows.push(message.fields);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    const words = message.text.split(" ");
    const rowCount = Number(words.at(-1));
    this.#take(words[0] ?? "", Number.isNaN(rowCount) ? 0 : rowCount);
  }

  handleEmptyQuery(): void {
    this.#take("", 0);
  }

  #take(command: string, rowCount: number): void {
    if (this.#begins) {
      this.#begins = false;
      return;
    }
    this.#results.push({ command, rowCount, columns: this.#columns, rows: this.#rows });
    this.#columns = [];
    this.#rows = [];
  }

  handleError(error: Error): void {
    this.#fail(error);
  }

  handleReadyForQuery(): void {
    if (this.#tooLarge === undefined) this.#resolve(this.#results);
    else this.#fail(new ResultTooLargeError(this.#tooLarge));
  }

  handlePortalSuspended(): void {}

  /** COPY FROM STDIN waits for data that the Data API cannot give. */
  handleCopyInResponse(connection: pg.Connection): void {
    connection.stream.destroy(new AwsError("BadRequestException", "COPY FROM STDIN isn't supported."));
  }

  handleCopyData(): void {}
}
