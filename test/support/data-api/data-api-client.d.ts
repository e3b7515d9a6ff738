/** What its tests use of data-api-client, which comes without types. */
declare module "data-api-client" {
  type Values = Readonly<Record<string, unknown>>;
  /** By name; or a list of names, values and casts; or a list of those, for a batch. */
  type Parameters = Values | readonly (object | readonly object[])[];
  type Query = { readonly sql: string; readonly parameters?: Parameters };

  interface Result {
    readonly records?: readonly Values[];
    readonly numberOfRecordsUpdated?: number;
    readonly updateResults?: readonly Values[];
    readonly transactionStatus?: string;
  }

  interface Transaction {
    query(sql: string, values?: Values): Transaction;
    query(next: (last: Result) => Query): Transaction;
    rollback(told: (error: Error, status: { readonly transactionStatus?: string }) => void): Transaction;
    commit(): Promise<readonly Result[]>;
  }

  interface Client {
    query(sql: string, values?: Parameters): Promise<Result>;
    query(query: Query): Promise<Result>;
    transaction(): Transaction;
  }

  function createClient(options: {
    readonly engine: "pg";
    readonly resourceArn: string;
    readonly secretArn: string;
    readonly database: string;
    readonly options: Values;
  }): Client;
  export = createClient;
}
