/** An evaluated stack: what sst.config.ts would make on AWS. */

/** What to evaluate. */
export interface EvaluationOptions {
  /** The project's root. */
  readonly root: string;
  readonly stage: string;
  /** What `$dev` is: true in `sst dev`, false in `sst deploy`. */
  readonly dev: boolean;
  readonly region: string;
  readonly account: string;
  /** Sources to use in place of files, by their path from the root: TypeScript. */
  readonly replaced: Readonly<Record<string, string>>;
  /** Variables of the process, besides PATH, HOME and TMPDIR. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One registered resource, component or not. */
export interface Resource {
  /** As Pulumi writes it, e.g. `aws:sqs/queue:Queue`. */
  readonly type: string;
  /** Its logical name. */
  readonly name: string;
  readonly urn: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of inputs that Pulumi keeps encrypted in its state. */
  readonly secretInputs: readonly string[];
  /** URNs. */
  readonly dependencies: readonly string[];
  /** Whether AWS keeps it when the stack no longer has it. */
  readonly retainOnDelete: boolean;
  /** Whether Pulumi refuses to delete or replace it. */
  readonly protect: boolean;
}

/** A function as SST asks to have it built. */
export interface BuiltFunction {
  /** The component's name. */
  readonly name: string;
  readonly handler: string;
  readonly minify: boolean;
  /** Whether its source map is in the bundle. */
  readonly sourcemap: boolean;
  /** Whether what it imports dynamically is in files of its own. */
  readonly splitting: boolean;
  /** Linked resources, with the values that are put into the bundle. */
  readonly links: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Paths in the bundle that files and folders are copied to. */
  readonly copied: readonly string[];
}

export interface Stack {
  /** What `app()` answered. */
  readonly app: Readonly<Record<string, unknown>>;
  /** What `run()` answered. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly resources: readonly Resource[];
  readonly functions: readonly BuiltFunction[];
  /** What could be linked to, by name: what `Resource.NAME` would say, its `type` too. */
  readonly links: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What the evaluating process leaves behind. */
export type Evaluation =
  | { readonly kind: "stack"; readonly stack: Stack }
  | {
      readonly kind: "failed";
      readonly message: string;
      readonly trace: string;
      readonly resources: readonly Resource[];
    };
