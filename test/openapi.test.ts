/** The API's document: a public validator takes it, its schemas agree with the job types', and it can be read. */

import { Validator } from "@seriousme/openapi-schema-validator";
import { createApi } from "@tendril/api/api";
import { type OpenApiOptions, openApiDocument } from "@tendril/api/openapi/document";
import { methods, type OpenApiDocument, type Operation } from "@tendril/api/openapi/document-model";
import { exampleValue } from "@tendril/api/openapi/example-value";
import { fragment } from "@tendril/api/openapi/markup";
import { referencePage } from "@tendril/api/openapi/reference-page";
import { type ApiAuth, apiScopes } from "@tendril/core/api-plan";
import { errorCatalogue } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import { tier } from "@tendril/jobs/tier";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentCheck, responseOf } from "./support/api-fuzz/document-check.ts";
import { exactJobs, looseJobs, richQueues } from "./support/api-fuzz/rich-tier.ts";
import { jsonValues, valuesOf } from "./support/api-fuzz/values.ts";

const queuesOfTier = Object.keys(tier.queues).map((name) => ({ name, fifo: false }));

const own: OpenApiOptions = { name: tier.name, jobs: tier.jobs, queues: queuesOfTier, auth: "token" };
const rich: OpenApiOptions = { name: "rich", jobs: [...exactJobs, ...looseJobs], queues: richQueues, auth: "jwt" };

const cases: readonly (readonly [string, OpenApiOptions])[] = [
  ["this project's tier", own],
  ["inputs of every kind, and a FIFO queue", rich],
  ["no job types and no queues", { name: "empty", jobs: [], queues: [], auth: "iam" }],
  ["a document open to everybody", { ...own, auth: "token", openDocs: true, version: "2.0.0" }],
];

function operationsOf(document: OpenApiDocument): readonly (readonly [path: string, Operation])[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [[path, operation] as const];
    }),
  );
}

describe.each(cases)("the document of %s", (_name, options) => {
  const document = openApiDocument(options);

  test("is OpenAPI 3.1 to a public validator, and every reference in it leads somewhere", async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect(result).toEqual({ valid: true });
  });

  test("is the same whenever it is made", () => {
    expect(JSON.stringify(openApiDocument(options))).toBe(JSON.stringify(document));
  });

  test("has schemas that compile, and examples that fit them", () => {
    const check = documentCheck(document);
    const misfits = operationsOf(document).flatMap(([path, { requestBody, parameters = [] }]) => [
      ...Object.values(requestBody?.content ?? {}).flatMap(({ schema, examples = {} }) =>
        Object.values(examples).map(({ value }) => [path, check(schema, value)]),
      ),
      ...parameters
        .filter(({ example }) => example !== undefined)
        .map(({ schema, example }) => [path, check(schema, example)]),
    ]);
    // There is no input that never fits, nor one of a job type that wants what JSON has no word for.
    const unsendable = /NoneJob|value\/input|oneOf/;
    expect(misfits.filter(([path, why]) => why !== undefined && !unsendable.test(`${path} ${why}`))).toEqual([]);
    for (const name of Object.keys(document.components.schemas)) {
      expect(() => check({ $ref: `#/components/schemas/${name}` }, {})).not.toThrow();
    }
  });

  test("names each operation once, as a function can be named", () => {
    const ids = operationsOf(document).map(([, { operationId }]) => operationId);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9_]*$/.test(id))).toEqual([]);
    expect(new Set(ids.map((id) => id.toLowerCase())).size).toBe(ids.length);
  });

  test("puts each code under the status that the catalogue gives it", () => {
    const check = documentCheck(document);
    for (const [, operation] of operationsOf(document)) {
      for (const [status] of Object.entries(operation.responses)) {
        const media = responseOf(document, operation, Number(status))?.content?.["application/problem+json"];
        if (media === undefined) continue;
        const fits = Object.entries(errorCatalogue).filter(([code, entry]) => {
          const problem = { type: `urn:tendril:error:${code}`, title: "", status: entry.status, detail: "", code };
          return check(media.schema, problem) === undefined;
        });
        expect(fits.map(([, entry]) => String(entry.status))).toEqual(fits.map(() => status));
        expect(fits.length).toBeGreaterThan(0);
      }
    }
  });
});

describe("a job type's schema", () => {
  const document = openApiDocument(rich);
  const check = documentCheck(document);
  const { schemas } = document.components;
  const takes = async (spec: JobSpec, value: unknown): Promise<boolean> =>
    (await spec.input["~standard"].validate(value)).issues === undefined;
  const sendable = exactJobs.filter(({ type }) => type !== "NoneJob");

  test.each(sendable)("of $type: what it describes, the job type takes", async (spec) => {
    const schema = { $ref: `#/components/schemas/${spec.type}Input` };
    await fc.assert(
      fc.asyncProperty(valuesOf(schema, schemas), async (value) => {
        fc.pre(check(schema, value) === undefined);
        expect(await takes(spec, value)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.each(exactJobs)("of $type: what it does not describe, the job type refuses", async (spec) => {
    const schema = { $ref: `#/components/schemas/${spec.type}Input` };
    const near = spec.type === "NoneJob" ? jsonValues : valuesOf(schema, schemas).chain(spoiled);
    await fc.assert(
      fc.asyncProperty(fc.oneof(jsonValues, near), async (value) => {
        expect([value, await takes(spec, value)]).toEqual([value, check(schema, value) === undefined]);
      }),
      { numRuns: 60 },
    );
  });

  test.each(sendable)("of $type: has an example that it takes", async (spec) => {
    expect(await takes(spec, exampleValue({ $ref: `#/components/schemas/${spec.type}Input` }, schemas))).toBe(true);
  });

  test.each([
    ["ValibotJob", "The schema of ValibotJob (valibot) does not tell its JSON Schema"],
    ["AsyncJob", "The schema of AsyncJob (by hand) does not tell its JSON Schema"],
    ["ThrowingJob", "JSON Schema cannot describe the input of ThrowingJob"],
  ])("of %s takes anything, and says so", (type, why) => {
    expect(schemas[`${type}Input`]).toEqual({
      title: `${type}: input`,
      description: expect.stringContaining(why),
    });
  });

  test("leaves open only the parts that JSON Schema cannot describe", () => {
    expect(schemas.DateJobInput).toMatchObject({
      properties: { at: {}, exact: { type: "string", format: "date-time" }, text: { type: "string" } },
      description: expect.stringContaining("left open"),
    });
    expect(schemas.OrderJobInput?.description).toBe("An order, with what comes with it.");
  });

  test("is asked for in a body unless the job type takes none", () => {
    const required = (type: string) => schemas[`${type}Body`]?.required ?? [];
    expect([required("TextJob"), required("MaybeJob"), required("AnythingJob")]).toEqual([["data"], [], []]);
  });

  test("that is within itself, or named for several places, stands in the components once", () => {
    expect(schemas.TreeJobInput?.properties?.children).toMatchObject({
      items: { $ref: "#/components/schemas/TreeJobInput" },
    });
    expect(schemas.TwoTreesJobInput?.properties?.left).toEqual(schemas.TwoTreesJobInput?.properties?.right);
    expect(schemas.OrderJobInput?.properties?.address).toEqual({
      $ref: "#/components/schemas/OrderJobInput.Address_Postal",
    });
    expect(schemas["OrderJobInput.Address_Postal"]?.required).toEqual(["street"]);
    expect(schemas.OrderJobInput?.properties?.tags).toMatchObject({
      items: { enum: ["gift", "express", "enum", "$ref"] },
    });
  });
});

/** A value with one thing in it changed, left out or added. */
function spoiled(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== "object" || value === null) return jsonValues;
  const isList = Array.isArray(value);
  const keys = Object.keys(value);
  const rebuilt = (entries: readonly (readonly [string, unknown])[]): unknown =>
    isList ? entries.map(([, member]) => member) : Object.fromEntries(entries);
  return fc.oneof(
    fc
      .tuple(fc.nat({ max: keys.length }), jsonValues)
      .map(([index, other]) =>
        rebuilt(Object.entries(value).map(([key, member], at) => [key, at === index ? other : member] as const)),
      ),
    fc.nat({ max: keys.length }).map((index) => rebuilt(Object.entries(value).filter((_, at) => at !== index))),
    fc.tuple(fc.string(), jsonValues).map(([key, other]) => rebuilt([...Object.entries(value), [`x${key}`, other]])),
  );
}

test.each(["open", "read"] as const)("with docs for %s, the API has the document's routes, and no others", (docs) => {
  const api = createApi({
    name: tier.name,
    jobs: tier.jobs,
    queues: { jobs: { url: "https://sqs.test/1/jobs", deadLetterUrl: "https://sqs.test/1/jobs-dead" } },
    sender: { send: async () => new Map() },
    operations: () => Promise.reject(new Error("not to be asked")),
    docs,
    log: () => {},
  });
  const ofApi = api.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^/]*\})?/g, "{$1}")}`);
  const ofDocument = Object.entries(openApiDocument(own).paths).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method] !== undefined)
      .map((method) => `${method.toUpperCase()} ${path.replace(/^\/job\/post\/.*/, "/job/post/{job_type}")}`),
  );
  expect([...new Set(ofApi)].sort()).toEqual([...new Set(ofDocument)].sort());
});

describe("who may call what", () => {
  test.each<[ApiAuth["kind"], unknown]>([
    ["token", { token: { type: "http", scheme: "bearer" } }],
    ["jwt", { jwt: { type: "http", scheme: "bearer", bearerFormat: "JWT" } }],
    ["iam", { iam: { type: "apiKey", in: "header", name: "Authorization" } }],
  ])("with %s", (auth, scheme) => {
    const document = openApiDocument({ ...own, auth });
    expect(document.components.securitySchemes).toMatchObject(Object(scheme));
    const scopes = operationsOf(document).flatMap(([, { security }]) => security.flatMap((each) => each[auth] ?? []));
    expect(new Set(scopes)).toEqual(new Set(auth === "iam" ? [] : apiScopes));
    const open = operationsOf(document).filter(([, { security }]) => security.length === 0);
    expect(open.map(([path]) => path)).toEqual(["/health"]);
  });

  test("the document and its page are open when the tier says so", () => {
    const document = openApiDocument({ ...own, openDocs: true });
    const open = operationsOf(document).filter(([, { security }]) => security.length === 0);
    expect(open.map(([path]) => path)).toEqual(["/health", "/openapi.json", "/docs"]);
  });
});

describe.each(cases)("the page of %s", (_name, options) => {
  const document = openApiDocument(options);
  const page = referencePage(document);

  test("shows every operation, with a command, and every schema", () => {
    const wanted = [
      ...operationsOf(document).flatMap(([path, { operationId, summary }]) => [
        `id="${fragment("operation", operationId)}"`,
        `>${summary}</a>`,
        `<code>${path}</code>`,
      ]),
      ...Object.keys(document.components.schemas).map((name) => `id="${fragment("schema", name)}"`),
    ];
    expect(wanted.filter((text) => !page.includes(text))).toEqual([]);
    expect(page.split('<pre tabindex="0"><code>curl').length - 1).toBe(operationsOf(document).length);
  });

  test("runs nothing and loads nothing", () => {
    expect(/<script|<img|<iframe|<object|<embed|@import|url\(|\son\w+=|javascript:/i.exec(page)).toBeNull();
    expect([...page.matchAll(/<link [^>]*>/g)].map(([tag]) => tag)).toEqual(['<link rel="icon" href="data:,">']);
  });

  test("has links that lead somewhere, and each place once", () => {
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...page.matchAll(/\shref="#([^"]*)"/g)].map(([, id]) => id);
    expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
    expect(targets.length).toBeGreaterThan(20);
  });

  test("says what it is to those who cannot see it", () => {
    expect(page.slice(0, 32)).toBe('<!doctype html>\n<html lang="en">');
    for (const landmark of ["<header>", '<nav aria-label="Contents">', '<main id="main">', "<footer>"]) {
      expect(page.split(landmark)).toHaveLength(2);
    }
    expect(page.match(/<h1[ >]/g)).toHaveLength(1);
    const levels = [...page.slice(page.indexOf("<main")).matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level));
    const jumps = levels.filter((level, index) => level > (levels[index - 1] ?? 1) + 1);
    expect(jumps).toEqual([]);
  });
});

test("what a tier says is text in the page, never markup", () => {
  const name = "<b>\"A\" & 'B'</b>";
  const page = referencePage(openApiDocument({ ...rich, name, version: "<i>" }));
  expect(/<b>|<i>|<script|<there>|<d>/.exec(page)).toBeNull();
  const texts = [
    "&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;: jobs",
    "&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;",
  ];
  expect(texts.filter((text) => !page.includes(text))).toEqual([]);
});

test("commands are safe to paste, whatever the example", () => {
  const page = referencePage(openApiDocument(rich));
  const command = /curl -X POST &quot;\$TENDRIL_URL&quot;\/job\/post\/OrderJob[^<]*/.exec(page)?.[0] ?? "";
  expect(command).toContain("`it&#39;\\&#39;&#39;s`");
});
