/** The route that a request takes. */
export interface MatchedRoute {
  /** As it was given: "GET /pets/{id}", or "$default". */
  readonly routeKey: string;
  /** What stood in the place of the path's variables, decoded. */
  readonly pathParameters: Readonly<Record<string, string>>;
}

/** The route of a request with this method and path (percent-encoded, no query), or undefined: API Gateway's 404. */
export type Router = (method: string, path: string) => MatchedRoute | undefined;

interface Segment {
  readonly kind: "literal" | "variable" | "greedy";
  /** The text, or the variable's name. */
  readonly text: string;
}

interface Route {
  readonly routeKey: string;
  readonly method: string;
  readonly segments: readonly Segment[];
}

const methods = new Set(["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
const ranks = { literal: 0, variable: 1, greedy: 2 };

/**
 * Makes the router of an HTTP API from its route keys: "METHOD /path" with `{variables}` and a last `{greedy+}` one, ANY
 * for every method, "$default" for what no other takes. The most specific path wins, then a method before ANY. Throws for
 * what is no route key, and for one that is there twice.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
export function createRouter(routeKeys: readonly string[]): Router {
  const twice = routeKeys.find((key, index) => routeKeys.indexOf(key) < index);
  if (twice !== undefined) throw new Error(`Route with key ${twice} already exists for this API`);
  const hasDefault = routeKeys.includes("$default");
  const routes = routeKeys.filter((key) => key !== "$default").map(readRoute);
  routes.sort(bySpecificity);
  return (method, path) => {
    const segments = path.split("/").slice(1);
    for (const route of routes) {
      if (route.method !== method && route.method !== "ANY") continue;
      const pathParameters = matchPath(route.segments, segments);
      if (pathParameters) return { routeKey: route.routeKey, pathParameters };
    }
    return hasDefault ? { routeKey: "$default", pathParameters: {} } : undefined;
  };
}

function readRoute(routeKey: string): Route {
  const [method = "", path = "", ...more] = routeKey.split(" ");
  if (!methods.has(method) || !path.startsWith("/") || more.length > 0) throw notARoute(routeKey);
  const segments = path.split("/").slice(1).map(readSegment);
  const greedyAt = segments.findIndex((segment) => segment.kind === "greedy");
  if (greedyAt >= 0 && greedyAt < segments.length - 1) throw notARoute(routeKey);
  if (segments.some((segment) => segment.kind === "literal" && /[{}]/.test(segment.text))) throw notARoute(routeKey);
  return { routeKey, method, segments };
}

function readSegment(text: string): Segment {
  const [, name, plus] = /^\{([\w.:-]+)(\+?)\}$/.exec(text) ?? [];
  if (name === undefined) return { kind: "literal", text };
  return { kind: plus === "+" ? "greedy" : "variable", text: name };
}

/** By the kinds of their segments, from left to right. */
function bySpecificity(left: Route, right: Route): number {
  const [leftRanks, rightRanks] = [left, right].map((route) => route.segments.map(({ kind }) => ranks[kind]).join(""));
  if (leftRanks !== rightRanks) return (leftRanks ?? "") < (rightRanks ?? "") ? -1 : 1;
  return Number(left.method === "ANY") - Number(right.method === "ANY");
}

/** The path's variables, or undefined when it is another path. */
function matchPath(route: readonly Segment[], path: readonly string[]): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const [index, { kind, text }] of route.entries()) {
    const isLast = index === route.length - 1;
    const given = kind === "greedy" ? path.slice(index).join("/") : path[index];
    if (given === undefined || (isLast && kind !== "greedy" && path.length > route.length)) return undefined;
    const decoded = decodePath(given);
    if (kind === "literal" ? decoded !== text : decoded === "") return undefined;
    if (kind !== "literal") found[text] = decoded;
  }
  return found;
}

/** Percent-decodes a path; what is badly encoded stays as it is. */
export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function notARoute(routeKey: string): Error {
  return new Error(`"${routeKey}" is not a route key, e.g. "GET /pets/{id}", "ANY /{proxy+}" or "$default"`);
}
