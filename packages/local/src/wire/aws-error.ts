/**
 * An error as AWS answers it. Thrown by a handler, it becomes the answer; anything else a handler throws becomes
 * `InternalFailure` with status 500.
 *
 * - `name`: AWS's error name, e.g. `QueueDoesNotExist`. For an error that the service's model has, the status and the
 *   query error code are taken from the model.
 * - `status`: the HTTP status; default: the model's, else 400.
 * - `queryError`: the code for `x-amzn-query-error`, which services that once spoke the query protocol (SQS) still send,
 *   e.g. `InvalidParameterValue`; default: the model's, else none.
 */
export class AwsError extends Error {
  readonly status: number | undefined;
  readonly queryError: string | undefined;

  constructor(name: string, message: string, options: { status?: number; queryError?: string } = {}) {
    super(message);
    this.name = name;
    this.status = options.status;
    this.queryError = options.queryError;
  }
}
