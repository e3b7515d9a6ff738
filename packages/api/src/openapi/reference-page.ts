import { methods, type OpenApiDocument, type Operation } from "./document-model.ts";
import { fragment, html, type Markup, prose } from "./markup.ts";
import { operationMarkup } from "./page-operation.ts";
import { schemaMarkup } from "./page-schema.ts";
import { pageStyle } from "./page-style.ts";

/**
 * Headers that `referencePage` is answered with: nothing may be loaded by it, run in it, or put around it.
 * https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
 */
export const referencePageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

/** A document as one page of HTML to be read: with no script, and nothing from elsewhere. Everything in it is escaped. */
export function referencePage(document: OpenApiDocument): string {
  const groups = document.tags.map((tag) => ({ tag, operations: operationsOf(document, tag.name) }));
  const schemas = Object.entries(document.components.schemas);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title}</title>
<link rel="icon" href="data:,">
<style>${{ html: pageStyle }}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the operations</a>
<header>
<h1>${document.info.title}</h1>
<p>${prose(document.info.description)}</p>
<p>Version ${document.info.version}. For programs: <a href="openapi.json">openapi.json</a>.</p>
</header>
<nav aria-label="Contents">
${groups.map(({ tag, operations }) => linksMarkup(tag.name, operations))}<h2>Schemas</h2>
<ul>${schemas.map(([name]) => html`<li><a href="#${fragment("schema", name)}">${name}</a></li>`)}</ul>
</nav>
<main id="main">
${authMarkup(document)}${groups.map(
  ({
    tag,
    operations,
  }) => html`<section id="${fragment("tag", tag.name)}" aria-labelledby="${fragment("tag", tag.name)}-title">
<h2 id="${fragment("tag", tag.name)}-title">${tag.name}</h2>
<p>${prose(tag.description)}</p>
${operations.map(({ path, method, operation }) => operationMarkup(document, path, method, operation))}</section>
`,
)}<section id="schemas" aria-labelledby="schemas-title">
<h2 id="schemas-title">Schemas</h2>
${schemas.map(
  ([
    name,
    schema,
  ]) => html`<article id="${fragment("schema", name)}"><h3><a href="#${fragment("schema", name)}">${name}</a></h3><div class="schema">${schemaMarkup(schema)}</div></article>
`,
)}</section>
</main>
<footer>Made from the tier by Tendril.</footer>
</body>
</html>
`.html;
}

interface Place {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function operationsOf({ paths }: OpenApiDocument, tag: string): readonly Place[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation?.tags.includes(tag) ? [{ path, method, operation }] : [];
    }),
  );
}

function linksMarkup(name: string, operations: readonly Place[]): Markup {
  const links = operations.map(
    ({ operation }) =>
      html`<li><a href="#${fragment("operation", operation.operationId)}">${operation.summary}</a></li>`,
  );
  return html`<h2><a href="#${fragment("tag", name)}">${name}</a></h2>
<ul>${links}</ul>
`;
}

function authMarkup({ components }: OpenApiDocument): Markup {
  const schemes = Object.values(components.securitySchemes).map(
    ({ description }) => html`<p>${prose(typeof description === "string" ? description : "")}</p>`,
  );
  return html`<section id="access" aria-labelledby="access-title">
<h2 id="access-title">Access</h2>
${schemes}<p>In the examples, <code>$TENDRIL_URL</code> is the address of the API.</p>
</section>
`;
}
