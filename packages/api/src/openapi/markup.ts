/** HTML that is safe to put into a page. */
export interface Markup {
  readonly html: string;
}

/** HTML from a template; every text in it is escaped, wherever in the page it stands. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Markup | readonly Markup[])[]
): Markup {
  const texts = values.map((value) => {
    if (typeof value === "string" || typeof value === "number") return escapeHtml(String(value));
    return "html" in value ? value.html : value.map((each) => each.html).join("");
  });
  return { html: parts.map((part, index) => part + (texts[index] ?? "")).join("") };
}

/** Nothing. */
export const nothing: Markup = { html: "" };

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "");

/** A description: what stands between backticks is code, and web addresses are links. */
export function prose(text: string): Markup {
  const parts = text.split(/(`[^`]+`|https:\/\/[^\s<>"'`]*[^\s<>"'`.,;:)])/);
  return html`${parts.map((part) => {
    if (/^`.+`$/s.test(part)) return html`<code>${part.slice(1, -1)}</code>`;
    return /^https:\/\//.test(part) ? html`<a href="${part}">${part}</a>` : html`${part}`;
  })}`;
}

/** A name that an `id` and a `#fragment` can have; different names have different ones. */
export const fragment = (kind: string, name: string): string =>
  `${kind}-${name.replace(/[^A-Za-z0-9.-]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}`;
