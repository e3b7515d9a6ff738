/** Records what a Pulumi program registers: Pulumi's own test monitor shows the inputs only. */
import type { Resource } from "./stack.ts";

/** The part of Pulumi's test monitor that is listened to. */
export interface Monitor {
  newUrn: (parent: string, type: string, name: string) => string;
  registerResource(request: RegisterRequest, callback: RegisterCallback): void;
  registerResourceOutputs(request: OutputsRequest, callback: unknown): void;
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getObject(): unknown;
  getDependenciesList(): string[];
  getRetainondelete(): boolean;
  getProtect(): boolean | undefined;
}

interface OutputsRequest {
  getUrn(): string;
  getOutputs(): unknown;
}

type RegisterCallback = (error: Error | null, response: { getUrn(): string } | undefined) => void;

interface Observer {
  readonly app: string;
  readonly stage: string;
  /** Pulumi's wire form to plain values. */
  plain(properties: unknown): unknown;
  onResource(resource: Resource): void;
  /** What a link is called, and what it says. */
  onLink(target: string, properties: Readonly<Record<string, unknown>>): void;
}

/** Tells of every resource that is registered, and gives URNs the engine's form, on which SST's link types depend. */
export function observe(monitor: Monitor, { app, stage, plain, onResource, onLink }: Observer): void {
  const seen = new Set<string>();
  monitor.newUrn = (parent, type, name) => {
    const parentTypes = parent.split("::")[2] ?? "";
    const chain = parentTypes === "" || parentTypes === "pulumi:pulumi:Stack" ? "" : `${parentTypes}$`;
    return `urn:pulumi:${stage}::${app}::${chain}${type}::${name}`;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) =>
    register(request, (error, response) => {
      if (error !== null || response === undefined) return callback(error, response);
      const urn = response.getUrn();
      if (seen.has(urn)) return callback(new Error(`two resources have the URN ${urn}`), undefined);
      seen.add(urn);
      const inputs = plain(request.getObject());
      onResource({
        type: request.getType(),
        name: request.getName(),
        urn,
        inputs: asRecord(reveal(inputs)),
        secretInputs: Object.entries(asRecord(inputs)).flatMap(([name, value]) => (isSecret(value) ? [name] : [])),
        dependencies: request.getDependenciesList(),
        retainOnDelete: request.getRetainondelete(),
        protect: request.getProtect() === true,
      });
      callback(error, response);
    });
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (request, callback) => {
    if (request.getUrn().includes("sst:sst:LinkRef::")) {
      const { target, properties } = asRecord(reveal(plain(request.getOutputs())));
      onLink(String(target), asRecord(properties));
    }
    registerOutputs(request, callback);
  };
}

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

function isSecret(value: unknown): value is { value: unknown } {
  return typeof value === "object" && value !== null && asRecord(value)[signatureKey] === secretSignature;
}

function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (isSecret(value)) return reveal(value.value);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, reveal(each)]));
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
