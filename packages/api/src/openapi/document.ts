import type { JobSpec } from "@tendril/core/job";
import { type AuthKind, fixedHeaders } from "./answers.ts";
import { fixedSchemas } from "./components.ts";
import type { OpenApiDocument, PathItem } from "./document-model.ts";
import { enqueuePart } from "./enqueue-paths.ts";
import { jobPaths } from "./job-paths.ts";
import type { Basis } from "./operation.ts";
import { queuePaths } from "./queue-paths.ts";
import { shareResponses } from "./share-responses.ts";
import { tierPaths } from "./tier-paths.ts";

/** What `openApiDocument` takes: the tier, as far as callers see it. */
export interface OpenApiOptions {
  /** The tier's name. */
  readonly name: string;
  readonly jobs: readonly JobSpec[];
  readonly queues: readonly { readonly name: string; readonly fifo: boolean }[];
  /** How callers show who they are. */
  readonly auth: AuthKind;
  /** Whether `/openapi.json` and `/docs` need no permission. Default false. */
  readonly openDocs?: boolean;
  /** Whether inputs may be too large for a message: they lie in S3 then. Default false. */
  readonly largeInputs?: boolean;
  /** The version of the app. Default `"1"`. */
  readonly version?: string;
}

/**
 * The API of a tier as an OpenAPI 3.1 document: every route, every job type's input, every code that a request may be
 * refused with. The same options always give the same text. Never throws: see `inputSchema`.
 */
export function openApiDocument(options: OpenApiOptions): OpenApiDocument {
  const { name, jobs, queues, auth, openDocs = false, largeInputs = false, version = "1" } = options;
  const basis: Basis = { auth, queues, largeInputs };
  const enqueue = enqueuePart(jobs, basis);
  const { paths, responses } = shareResponses(
    merge([enqueue.paths, jobPaths(basis), queuePaths(basis), tierPaths(basis, openDocs)]),
  );
  return {
    openapi: "3.1.1",
    info: { title: `${name}: jobs`, version, description: introduction(name) },
    servers: [{ url: "/", description: "Where this document was read." }],
    tags: [...tags],
    paths,
    components: {
      schemas: { ...enqueue.schemas, ...fixedSchemas },
      responses,
      headers: fixedHeaders,
      securitySchemes: { [auth]: securitySchemes[auth] },
    },
  };
}

const introduction = (name: string): string =>
  `Enqueues the jobs of ${name}, and shows and changes what became of them. Every refusal is problem details (RFC 9457) with a stable code; what was refused was not enqueued. Every answer has an \`x-request-id\`, which the log has too.`;

const tags = [
  { name: "Enqueue", description: "Send jobs to their queues. Needs the scope `enqueue`." },
  { name: "Jobs", description: "See how jobs stand (scope `read`); cancel and retry them (scope `operate`)." },
  {
    name: "Queues",
    description: "See queues and dead letters (scope `read`); change what is in them (scope `operate`).",
  },
  { name: "Schedules", description: "See cron.yaml's schedules (scope `read`), and run one now (scope `operate`)." },
  { name: "Tier", description: "Health, and this document." },
];

const securitySchemes = {
  iam: {
    type: "apiKey",
    in: "header",
    name: "Authorization",
    description:
      "AWS credentials that allow `execute-api:Invoke`. The request is signed with Signature Version 4 for the service `execute-api`: with curl, `--aws-sigv4 aws:amz:REGION:execute-api --user KEY:SECRET`. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html",
    // How API Gateway itself exports it.
    "x-amazon-apigateway-authtype": "awsSigv4",
  },
  token: {
    type: "http",
    scheme: "bearer",
    description:
      "A token of the tier's secret `ApiToken`, which says what it may do: `enqueue`, `read`, `operate`, or all.",
  },
  jwt: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "A JSON Web Token of the tier's issuer." },
} as const;

/** One map of paths: what several have in common has the operations of all. */
function merge(parts: readonly Readonly<Record<string, PathItem>>[]): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const [path, item] of parts.flatMap((part) => Object.entries(part))) paths[path] = { ...paths[path], ...item };
  return paths;
}
