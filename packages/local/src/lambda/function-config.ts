/** A function as it is deployed. */
export interface FunctionConfig {
  readonly name: string;
  /** Path below the project's root without its extension, a dot, the export: "packages/functions/src/worker.handler". */
  readonly handler: string;
  /** 1,000 to 900,000. The process of an invocation that takes longer is killed. */
  readonly timeoutMs: number;
  /** Megabytes, 128 to 10,240. Bounds the heap. */
  readonly memoryMb: number;
  /** The function's own variables. Lambda's reserved names are refused, and more than 4 KB in all. */
  readonly environment: Readonly<Record<string, string>>;
  /** The most invocations at once; more are throttled. Without it, as many as are asked for. */
  readonly reservedConcurrency?: number;
  /**
   * Whether a debugger can attach to the function's processes: each listens on a free port of 127.0.0.1, and its first
   * line in the log is Node's "Debugger listening on ws://…". They are not killed at the timeout, because a handler that
   * stands at a breakpoint takes as long as its reader. Default: false.
   */
  readonly inspect?: boolean;
}

/** Where a function runs. */
export interface FunctionPlace {
  /** The project's root: LAMBDA_TASK_ROOT and the working directory. */
  readonly root: string;
  readonly region: string;
  readonly accountId: string;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
const reservedNames = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_DEFAULT_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_LAMBDA_RUNTIME_API",
  "AWS_REGION",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "LAMBDA_RUNTIME_DIR",
  "LAMBDA_TASK_ROOT",
]);

const maxEnvironmentBytes = 4096;

/** Throws, naming the function, when Lambda would refuse its environment variables. */
export function checkEnvironment(config: FunctionConfig): void {
  const names = Object.keys(config.environment);
  const reserved = names.filter((name) => reservedNames.has(name));
  if (reserved.length > 0)
    throw new Error(`Function ${config.name}: environment variables reserved by Lambda: ${reserved.join(", ")}`);
  const bytes = Buffer.byteLength(JSON.stringify(config.environment));
  if (bytes > maxEnvironmentBytes)
    throw new Error(
      `Function ${config.name}: ${bytes} bytes of environment variables, Lambda allows ${maxEnvironmentBytes}`,
    );
}

/** The function's name in AWS's own form. */
export function functionArn(name: string, place: FunctionPlace): string {
  return `arn:aws:lambda:${place.region}:${place.accountId}:function:${name}`;
}

/**
 * What a function's process finds in `process.env`: what Lambda sets, the function's own, and of this machine's
 * variables only those that a program needs to run. Credentials are made up, of each environment its own, and the developer's
 * AWS profile is out of sight, so that nothing can reach a real account by mistake.
 */
export function environmentVariables(
  config: FunctionConfig,
  place: FunctionPlace,
  runtime: { readonly apiAddress: string; readonly logStreamName: string; readonly accessKeyId: string },
): Record<string, string> {
  return {
    ...machineVariables(),
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
    ...config.environment,
    _HANDLER: config.handler,
    AWS_ACCESS_KEY_ID: runtime.accessKeyId,
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_SESSION_TOKEN: "local",
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: config.name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(config.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${config.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: runtime.logStreamName,
    AWS_LAMBDA_RUNTIME_API: runtime.apiAddress,
    LAMBDA_TASK_ROOT: place.root,
  };
}

const nowhere = process.platform === "win32" ? "NUL" : "/dev/null";

function machineVariables(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "SystemRoot", "TEMP"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
