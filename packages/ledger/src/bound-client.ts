import { RDSData, type RDSDataClient } from "@aws-sdk/client-rds-data";
import { TendrilError } from "@tendril/core/errors";

/** What the calls of a bound client come to. */
export interface Binding {
  /** Runs a statement: `send` sends it into the transaction that the client is bound to. */
  run<Output>(statement: BoundStatement, send: () => Promise<Output>): Promise<Output>;
  /** Begins a transaction within that one, and resolves to its id. */
  begin(): Promise<string>;
  commit(nestedId: string | undefined): Promise<void>;
  rollback(nestedId: string | undefined): Promise<void>;
}

/** What decides whether a statement may run. */
export interface BoundStatement {
  readonly sql: string;
  /** The id that `begin` gave, when the statement belongs to a transaction within the bound one. */
  readonly nestedId: string | undefined;
}

/** Where statements run, whatever the library that makes them was told. */
export interface BoundTarget {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string;
  readonly transactionId: string;
}

/**
 * A client of the RDS Data API with the configuration and the connections of another, bound to one transaction. Calls are
 * told apart by the names that commands carry through the middleware: their classes may come from another copy of the SDK.
 * `destroy` does nothing, because the connections are the other's.
 * https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_Operations.html
 */
export function bindClient(client: RDSDataClient, target: BoundTarget, binding: Binding): RDSData {
  const middlewareStack = client.middlewareStack.clone();
  middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const nestedId = textIn(args.input, "transactionId");
        switch (commandName) {
          case "ExecuteStatementCommand":
          case "BatchExecuteStatementCommand": {
            const statement = { sql: textIn(args.input, "sql") ?? "", nestedId };
            return binding.run(statement, () => next({ ...args, input: { ...args.input, ...target } }));
          }
          case "BeginTransactionCommand":
            return answer({ transactionId: await binding.begin() });
          case "CommitTransactionCommand":
            await binding.commit(nestedId);
            return answer({ transactionStatus: "Transaction Committed" });
          case "RollbackTransactionCommand":
            await binding.rollback(nestedId);
            return answer({ transactionStatus: "Rollback Complete" });
          default:
            throw new TendrilError("sql_not_allowed", {
              where: "job.rdsData",
              given: commandName ?? "a call without a name",
              allowed:
                "ExecuteStatement, BatchExecuteStatement, BeginTransaction, CommitTransaction, RollbackTransaction",
            });
        }
      },
    { step: "initialize", priority: "high", name: "jobTransaction" },
  );
  return Object.create(RDSData.prototype, {
    config: { value: client.config },
    middlewareStack: { value: middlewareStack },
    destroy: { value: () => {} },
  });
}

const answer = <Output extends object>(output: Output) => ({
  output: { ...output, $metadata: {} },
  response: undefined,
});

/** Input of any command, also one that a library has made without types. */
function textIn(input: object, key: string): string | undefined {
  const value: unknown = Reflect.get(input, key);
  return typeof value === "string" ? value : undefined;
}
