import type { OpenApiDocument, Operation } from "./document-model.ts";
import { exampleValue } from "./example-value.ts";

/** A command that calls an operation, with what it needs and no more. The shell has the address, and who is calling. */
export function curlExample(document: OpenApiDocument, path: string, method: string, operation: Operation): string {
  const body = exampleBody(operation);
  const lines = [
    `curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} "$TENDRIL_URL"${quote(examplePath(document, path, operation))}`,
    ...credentials(operation),
    ...(body === undefined ? [] : ["-H 'content-type: application/json'", `-d ${quote(JSON.stringify(body))}`]),
  ];
  return lines.join(" \\\n  ");
}

function credentials({ security }: Operation): readonly string[] {
  const [scheme] = security.flatMap((each) => Object.keys(each));
  if (scheme === undefined) return [];
  if (scheme !== "iam") return ['-H "authorization: Bearer $TENDRIL_TOKEN"'];
  return ['--aws-sigv4 "aws:amz:$AWS_REGION:execute-api"', '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'];
}

/** The path with an example for each of its parameters. */
function examplePath({ components }: OpenApiDocument, path: string, { parameters = [] }: Operation): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parameters.find((each) => each.in === "path" && each.name === name);
    const value = parameter?.example ?? exampleValue(parameter?.schema ?? {}, components.schemas);
    return encodeURIComponent(String(value));
  });
}

function exampleBody({ requestBody }: Operation): unknown {
  const [first] = Object.values(requestBody?.content["application/json"]?.examples ?? {});
  return first?.value;
}

/** A text as one word of a POSIX shell. */
const quote = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
