import type { OpenApiDocument, Operation, ResponseModel, Schema } from "@tendril/api/openapi/document-model";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** Says what is wrong with a value, by a schema of a document; undefined when it fits. */
export type DocumentCheck = (schema: Schema, value: unknown) => string | undefined;

/** Compiles a document's schemas as they are asked for. */
export function documentCheck(document: OpenApiDocument): DocumentCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "document:", components: { schemas: document.components.schemas } });
  const compiled = new Map<string, ValidateFunction>();
  return (schema, value) => {
    const text = JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document:#/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    if (validate(value)) return undefined;
    return ajv.errorsText(validate.errors, { dataVar: "value" }).slice(0, 400);
  };
}

/** An answer of an operation, where it stands in the document. */
export function responseOf(document: OpenApiDocument, operation: Operation, status: number): ResponseModel | undefined {
  const response = operation.responses[String(status)];
  const name = /^#\/components\/responses\/(.+)$/.exec(response?.$ref ?? "")?.[1];
  return name === undefined ? response : document.components.responses[name];
}
