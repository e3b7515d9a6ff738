import { IdempotencyItemAlreadyExistsError, IdempotencyItemNotFoundError } from "@aws-lambda-powertools/idempotency";
import { BasePersistenceLayer, IdempotencyRecord } from "@aws-lambda-powertools/idempotency/persistence";
import type { Row, SqlValue } from "@tendril/core/handler";

/** Runs one statement as a transaction of its own, with `:p1`, `:p2` … for the values. */
export type RunStatement = (sql: string, values: readonly SqlValue[]) => Promise<Row[]>;

/** The table of the records. */
export const createIdempotencyTable = `create table idempotency (
  id text primary key, status text not null, expires_at_s bigint, in_progress_until_ms bigint, response jsonb
)`;

/**
 * Powertools' idempotency records in Postgres, over the extension point that its documentation describes ("bring your own
 * persistent store"). It does what the DynamoDB layer does with as many calls: one conditional write, one update.
 * https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/#bring-your-own-persistent-store
 */
export class PostgresPersistenceLayer extends BasePersistenceLayer {
  readonly #run: RunStatement;
  readonly #now: () => number;

  constructor(run: RunStatement, now: () => number = Date.now) {
    super();
    this.#run = run;
    this.#now = now;
  }

  /** Takes the key when it is new, expired, or held by an attempt whose function has run out of time. */
  protected async _putRecord(record: IdempotencyRecord): Promise<void> {
    const nowMs = this.#now();
    const taken = await this.#run(
      `insert into idempotency as known (id, status, expires_at_s, in_progress_until_ms)
       values (:p1, :p2, :p3, :p4)
       on conflict (id) do update set status = excluded.status, expires_at_s = excluded.expires_at_s,
         in_progress_until_ms = excluded.in_progress_until_ms, response = null
       where known.expires_at_s < :p5 or (known.status = 'INPROGRESS' and known.in_progress_until_ms < :p6)
       returning id`,
      [
        record.idempotencyKey,
        record.getStatus(),
        record.expiryTimestamp ?? null,
        record.inProgressExpiryTimestamp ?? null,
        Math.floor(nowMs / 1000),
        nowMs,
      ],
    );
    if (taken.length === 0) throw new IdempotencyItemAlreadyExistsError(`The key is taken: ${record.idempotencyKey}`);
  }

  protected async _updateRecord(record: IdempotencyRecord): Promise<void> {
    const values = [record.idempotencyKey, record.getStatus(), record.expiryTimestamp ?? null];
    await this.#run(
      "update idempotency set status = :p2, expires_at_s = :p3, response = :p4::text::jsonb where id = :p1",
      [...values, JSON.stringify(record.responseData ?? null)],
    );
  }

  protected async _getRecord(idempotencyKey: string): Promise<IdempotencyRecord> {
    const [row] = await this.#run("select * from idempotency where id = :p1", [idempotencyKey]);
    if (row === undefined) throw new IdempotencyItemNotFoundError();
    return new IdempotencyRecord({
      idempotencyKey,
      status: row.status === "COMPLETED" ? "COMPLETED" : "INPROGRESS",
      ...(row.expires_at_s === null ? {} : { expiryTimestamp: Number(row.expires_at_s) }),
      ...(row.in_progress_until_ms === null ? {} : { inProgressExpiryTimestamp: Number(row.in_progress_until_ms) }),
    });
  }

  protected async _deleteRecord(record: IdempotencyRecord): Promise<void> {
    await this.#run("delete from idempotency where id = :p1", [record.idempotencyKey]);
  }
}
