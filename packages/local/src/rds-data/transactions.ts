import { randomBytes } from "node:crypto";
import type { Clock, ClockTimer } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { Connection, Connections } from "./connections.ts";
import { badRequest, toAwsError } from "./errors.ts";

/**
 * A transaction ends three minutes after its last call, and 24 hours after its start.
 * https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_BeginTransaction.html
 */
const longestIdleMs = 3 * 60_000;
const longestMs = 24 * 3600_000;

/** The transactions that are open, each on a connection of its own. */
export interface Transactions {
  /** Opens one; resolves with its id. Postgres hears of it with its first statement, which spares a round trip. */
  begin(database: string | undefined): Promise<string>;
  /**
   * Runs something on the transaction's connection. Throws TransactionNotFoundException when it has ended, and
   * DatabaseErrorException when it runs something else just now.
   */
  use<T>(id: string, database: string | undefined, run: (connection: Connection) => Promise<T>): Promise<T>;
  /** Throws when the transaction cannot be committed, because a statement of it failed before; it is then rolled back. */
  commit(id: string): Promise<void>;
  rollback(id: string): Promise<void>;
  /** Rolls back all. */
  close(): void;
}

interface Transaction {
  readonly id: string;
  readonly connection: Connection;
  readonly limit: ClockTimer;
  /** Called when the connection breaks. */
  readonly onLost: () => void;
  idle: ClockTimer | undefined;
  isBusy: boolean;
  isOverdue: boolean;
}

export function openTransactions(clock: Clock, connections: Connections): Transactions {
  const open = new Map<string, Transaction>();

  const find = (id: string): Transaction => {
    const transaction = open.get(id);
    if (!transaction) throw new AwsError("TransactionNotFoundException", `Transaction ${id} is not found`);
    if (transaction.isBusy) throw new AwsError("DatabaseErrorException", "Transaction is still running a query");
    return transaction;
  };

  const take = (transaction: Transaction): Connection => {
    open.delete(transaction.id);
    transaction.idle?.cancel();
    transaction.limit.cancel();
    transaction.connection.client.off("end", transaction.onLost);
    return transaction.connection;
  };

  const expire = (transaction: Transaction): void => {
    if (transaction.isBusy) transaction.isOverdue = true;
    else if (open.has(transaction.id)) finish(take(transaction), "rollback").catch(() => {});
  };

  const settle = (transaction: Transaction): void => {
    transaction.isBusy = false;
    if (!open.has(transaction.id)) transaction.connection.release();
    else if (hasEnded(transaction.connection)) take(transaction).release();
    else if (transaction.isOverdue) expire(transaction);
    else transaction.idle = clock.at(clock.now() + longestIdleMs, () => expire(transaction));
  };

  const lose = (transaction: Transaction): void => {
    if (!open.has(transaction.id)) return;
    take(transaction).spoil();
    if (!transaction.isBusy) transaction.connection.release();
  };

  return {
    async begin(database) {
      const connection = await connections.take(database);
      connection.owesBegin = true;
      const id = randomBytes(96).toString("base64");
      const limit = clock.at(clock.now() + longestMs, () => expire(transaction));
      const onLost = (): void => lose(transaction);
      const state = { idle: undefined, isBusy: false, isOverdue: false };
      const transaction: Transaction = { id, connection, limit, onLost, ...state };
      open.set(id, transaction);
      connection.client.on("end", onLost);
      settle(transaction);
      return id;
    },
    async use(id, database, run) {
      const transaction = find(id);
      if (database !== undefined && database !== transaction.connection.database.name)
        throw badRequest("Database name is not the same as transaction.");
      transaction.isBusy = true;
      transaction.idle?.cancel();
      try {
        return await run(transaction.connection);
      } finally {
        settle(transaction);
      }
    },
    async commit(id) {
      const connection = take(find(id));
      const hasFailed = connection.client.getTransactionStatus() === "E";
      await finish(connection, hasFailed ? "rollback" : "commit");
      if (hasFailed) throw aborted();
    },
    rollback: async (id) => finish(take(find(id)), "rollback"),
    close() {
      for (const transaction of open.values()) {
        take(transaction).spoil();
        if (!transaction.isBusy) transaction.connection.release();
      }
    },
  };
}

/** Whether a statement of the transaction has ended it. */
const hasEnded = ({ owesBegin, client }: Connection): boolean => !owesBegin && client.getTransactionStatus() === "I";

async function finish(connection: Connection, command: "commit" | "rollback"): Promise<void> {
  if (connection.owesBegin) return connection.release();
  try {
    await connection.client.query(command);
    connection.database.origins.ran(command.toUpperCase());
  } catch (error) {
    connection.spoil();
    throw toAwsError(error);
  } finally {
    connection.release();
  }
}

/** Postgres would answer the commit with a silent rollback; whoever commits must hear of it. */
function aborted(): AwsError {
  const message =
    "ERROR: current transaction is aborted, commands ignored until end of transaction block; SQLState: 25P02";
  return new AwsError("DatabaseErrorException", message);
}
