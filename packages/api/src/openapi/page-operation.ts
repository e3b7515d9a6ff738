import { curlExample } from "./curl-example.ts";
import type { Content, OpenApiDocument, Operation, Parameter, ResponseModel } from "./document-model.ts";
import { fragment, html, type Markup, nothing, prose } from "./markup.ts";
import { kindMarkup, schemaMarkup } from "./page-schema.ts";

/** One operation of the page. */
export function operationMarkup(document: OpenApiDocument, path: string, method: string, operation: Operation): Markup {
  const id = fragment("operation", operation.operationId);
  return html`<article id="${id}" aria-labelledby="${id}-title">
<h3 id="${id}-title"><a href="#${id}">${operation.summary}</a></h3>
<p class="route"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></p>
<p>${prose(operation.description)}</p>
<p class="need">${needWords(operation)} Function in generated clients: <code>${operation.operationId}</code>.</p>
${parametersMarkup(operation.parameters ?? [])}${bodyMarkup(operation)}
<h4>With curl</h4>
<pre tabindex="0"><code>${curlExample(document, path, method, operation)}</code></pre>
<h4>Answers</h4>
<dl class="answers">${Object.entries(operation.responses).map(([status, each]) => answerMarkup(status, resolve(document, each)))}</dl>
</article>
`;
}

function needWords({ security }: Operation): Markup {
  const [requirement] = security;
  if (requirement === undefined) return html`Open to everybody.`;
  const scopes = Object.values(requirement).flat();
  return scopes.length === 0 ? html`Needs AWS credentials.` : html`Needs the scope <code>${scopes.join(", ")}</code>.`;
}

function parametersMarkup(parameters: readonly Parameter[]): Markup {
  if (parameters.length === 0) return nothing;
  const rows = parameters.map(
    (each) =>
      html`<dt><code>${each.name}</code> <span class="in">${each.in}</span>${each.required ? html` <em>required</em>` : nothing}</dt><dd><p>${prose(each.description)}</p>${schemaMarkup(withoutDescription(each))}</dd>`,
  );
  return html`<h4>Parameters</h4>
<dl class="members">${rows}</dl>
`;
}

function withoutDescription({ schema: { description: _, ...schema } }: Parameter) {
  return schema;
}

function bodyMarkup({ requestBody }: Operation): Markup {
  if (requestBody === undefined) return nothing;
  return html`<h4>Body</h4>
${Object.entries(requestBody.content).map(([mediaType, media]) => html`<p class="media"><code>${mediaType}</code></p><div class="schema">${schemaMarkup(media.schema)}</div>`)}${examplesMarkup(requestBody.content)}
`;
}

function examplesMarkup(content: Content): Markup {
  const examples = Object.values(content).flatMap((media) => Object.entries(media.examples ?? {}));
  return html`${examples.map(([name, { value }]) => html`<details><summary>Example: ${name}</summary><pre tabindex="0"><code>${JSON.stringify(value, undefined, 2) ?? ""}</code></pre></details>`)}`;
}

function answerMarkup(status: string, { description = "", content = {}, headers = {} }: ResponseModel): Markup {
  const isRefusal = /^[45]/.test(status);
  const kinds = Object.entries(content).map(
    ([mediaType, { schema }]) =>
      html`<p class="media"><code>${mediaType}</code>${isRefusal || schema.type === "string" ? nothing : html` ${schema.oneOf === undefined ? kindMarkup(schema) : schemaMarkup(schema)}`}</p>`,
  );
  const names = Object.keys(headers).filter((name) => name !== "x-request-id");
  return html`<dt class="${isRefusal ? "refusal" : "success"}">${status}</dt><dd><p>${prose(description)}</p>${kinds}${
    names.length === 0 ? nothing : html`<p class="media">headers: <code>${names.join(", ")}</code></p>`
  }</dd>`;
}

function resolve({ components }: OpenApiDocument, response: ResponseModel): ResponseModel {
  const name = /^#\/components\/responses\/(.+)$/.exec(response.$ref ?? "")?.[1];
  return (name === undefined ? undefined : components.responses[name]) ?? response;
}
