import { methods, type Operation, type PathItem, type ResponseModel } from "./document-model.ts";

/** Paths whose refusals stand in the components, each once. */
export interface SharedResponses {
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly responses: Readonly<Record<string, ResponseModel>>;
}

/** Moves every refusal into the components: there are few, and each operation has most of them. */
export function shareResponses(paths: Readonly<Record<string, PathItem>>): SharedResponses {
  const names = new Map<string, string>();
  const responses: Record<string, ResponseModel> = {};
  const share = (status: string, response: ResponseModel): ResponseModel => {
    if (!/^[45]/.test(status)) return response;
    const text = JSON.stringify(response);
    const name = names.get(text) ?? freeName(`Refused${status}`, responses);
    names.set(text, name);
    responses[name] = response;
    return { $ref: `#/components/responses/${name}` };
  };
  const shareAll = (operation: Operation): Operation => ({
    ...operation,
    responses: Object.fromEntries(
      Object.entries(operation.responses).map(([status, each]) => [status, share(status, each)]),
    ),
  });
  const shared = Object.entries(paths).map(([path, item]) => {
    const operations = methods.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [[method, shareAll(operation)] as const];
    });
    return [path, Object.fromEntries(operations)] as const;
  });
  return { paths: Object.fromEntries(shared), responses };
}

function freeName(wanted: string, taken: Readonly<Record<string, unknown>>): string {
  let name = wanted;
  for (let number = 2; name in taken; number += 1) name = `${wanted}_${number}`;
  return name;
}
