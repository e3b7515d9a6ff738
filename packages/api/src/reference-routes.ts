import { isFifo } from "@tendril/client/send-parameters";
import type { ApiAuth } from "@tendril/core/api-plan";
import type { JobSpec } from "@tendril/core/job";
import type { QueueLink } from "@tendril/core/link";
import { type Context, Hono } from "hono";
import type { ApiEnv } from "./access.ts";
import { once } from "./once.ts";

/** What `referenceRoutes` takes. */
export interface ReferenceRoutesOptions {
  readonly name: string;
  readonly jobs: readonly JobSpec[];
  readonly queues: Readonly<Record<string, QueueLink>>;
  readonly auth: ApiAuth["kind"];
  readonly docs: "open" | "read";
  /** Whether inputs may be too large for a message. */
  readonly largeInputs: boolean;
  /** Lets a request in, or throws. */
  readonly admit: (context: Context<ApiEnv>) => void;
}

/** `GET /openapi.json` and `GET /docs`, made of the tier when somebody asks for them first. */
export function referenceRoutes(options: ReferenceRoutesOptions): Hono<ApiEnv> {
  const { name, jobs, queues, auth, docs, largeInputs, admit } = options;
  const routes = new Hono<ApiEnv>();
  const links = Object.entries(queues).map(([queue, link]) => ({ name: queue, fifo: isFifo(link) }));
  const document = once(async () => {
    const { openApiDocument } = await import("./openapi/document.ts");
    return openApiDocument({ name, jobs, queues: links, auth, openDocs: docs === "open", largeInputs });
  });
  const page = once(async () => {
    const { referencePage, referencePageHeaders } = await import("./openapi/reference-page.ts");
    return { text: referencePage(await document()), headers: referencePageHeaders };
  });
  routes.get("/openapi.json", async (context) => {
    admit(context);
    return context.json(await document());
  });
  routes.get("/docs", async (context) => {
    admit(context);
    const { text, headers } = await page();
    return context.body(text, 200, headers);
  });
  return routes;
}
