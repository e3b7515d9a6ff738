import { createHash } from "node:crypto";
import { join } from "node:path";
import * as client from "@aws-sdk/client-lambda";
import type { Clock } from "../clock.ts";
import { type Journal, openJournal } from "../journal.ts";
import { AwsError } from "../wire/aws-error.ts";
import { refusedByDisk } from "../wire/disk-refusal.ts";
import { defineService, type HandlerFor, type Service } from "../wire/service.ts";
import type { EventSourceMapping } from "./event-source-mapping.ts";

export interface LambdaControlPlaneOptions {
  /** Modifications are dated by it. */
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** The folder that keeps which mappings are disabled; in memory only when absent. */
  readonly dir?: string;
}

/** What Lambda says of an event source mapping. */
export interface MappingConfig {
  readonly eventSourceArn: string;
  readonly functionName: string;
  readonly batchSize: number;
  readonly windowSeconds: number;
  readonly maximumConcurrency: number;
}

/** An event source mapping under the control plane. */
export interface AttachedMapping {
  /** Whether it was left disabled. */
  readonly paused: boolean;
  /** Takes it from the control plane and stops it; it will be enabled or disabled next time as it was. */
  stop(): Promise<void>;
}

/** The part of Lambda's API that looks at event source mappings, and switches them off and on. */
export interface LambdaControlPlane {
  readonly service: Service;
  /** Puts a mapping under control, and starts it unless it was left disabled. `onChange` is told of each switch. */
  attach(
    config: MappingConfig,
    mapping: EventSourceMapping,
    onChange?: (change: { readonly paused: boolean }) => void,
  ): AttachedMapping;
  close(): Promise<void>;
}

interface Attached {
  readonly uuid: string;
  readonly config: MappingConfig;
  readonly mapping: EventSourceMapping;
  readonly onChange: (change: { readonly paused: boolean }) => void;
  /** While a change is under way. */
  changing: boolean;
}

/** The last switch of a mapping; kept when the mapping is not there. */
interface Switch {
  readonly uuid: string;
  readonly enabled: boolean;
  readonly atMs: number;
}

/** The UUID of the mapping from a queue to a function: the same at each start. */
export function mappingUuid(eventSourceArn: string, functionName: string): string {
  const hex = createHash("sha256").update(`${eventSourceArn}\n${functionName}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * Opens the control plane: GetEventSourceMapping, ListEventSourceMappings and, of UpdateEventSourceMapping, `Enabled`.
 * The numbers of a mapping are the plan's, and are not changed here. A mapping that is disabled receives no more at once;
 * batches that run end as usual. While it does, another change is refused, as AWS refuses it.
 * https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
 */
export async function openLambdaControlPlane(options: LambdaControlPlaneOptions): Promise<LambdaControlPlane> {
  const { clock, dir } = options;
  const openedAtMs = clock.now();
  const switches = new Map<string, Switch>();
  const attached = new Map<string, Attached>();
  const journal =
    dir === undefined ? undefined : await openSwitches(join(dir, "event-source-mappings.jsonl"), switches);
  const find = (uuid: string): Attached => {
    const found = attached.get(uuid);
    if (found !== undefined) return found;
    throw new AwsError("ResourceNotFoundException", "The resource you requested does not exist.");
  };
  const isEnabled = ({ uuid }: Attached): boolean => switches.get(uuid)?.enabled ?? true;
  const describe = (each: Attached, changing = each.changing): client.EventSourceMappingConfiguration => ({
    ...configuration(each, options),
    LastModified: new Date(switches.get(each.uuid)?.atMs ?? openedAtMs),
    State: isEnabled(each) ? (changing ? "Enabling" : "Enabled") : changing ? "Disabling" : "Disabled",
  });
  const change = async (each: Attached, enabled: boolean): Promise<void> => {
    each.changing = true;
    let settled: Promise<void> | undefined;
    try {
      const record = { uuid: each.uuid, enabled, atMs: clock.now() };
      await journal?.append(record).catch(refusedByDisk);
      switches.set(each.uuid, record);
      if (!attached.has(each.uuid)) return; // it was stopped meanwhile
      if (enabled) each.mapping.start();
      else settled = each.mapping.pause();
      each.onChange({ paused: !enabled });
    } finally {
      void Promise.resolve(settled).finally(() => {
        each.changing = false;
      });
    }
  };
  return {
    service: defineService({
      client,
      protocol: "restJson1",
      handlers: {
        GetEventSourceMapping: ({ UUID }) => describe(find(UUID)),
        ListEventSourceMappings: (input) =>
          listMappings(
            input,
            [...attached.values()].map((each) => describe(each)),
          ),
        async UpdateEventSourceMapping(input) {
          const each = find(input.UUID);
          refuseOtherChanges(input, each.config);
          if (each.changing) {
            const message = "Cannot update the event source mapping because it is in use.";
            throw new AwsError("ResourceInUseException", message);
          }
          const { Enabled: enabled = isEnabled(each) } = input;
          if (enabled === isEnabled(each)) return describe(each);
          await change(each, enabled);
          return describe(each, true);
        },
      },
    }),
    attach(config, mapping, onChange = () => {}) {
      const uuid = mappingUuid(config.eventSourceArn, config.functionName);
      const each: Attached = { uuid, config, mapping, onChange, changing: false };
      attached.set(uuid, each);
      if (isEnabled(each)) mapping.start();
      return {
        paused: !isEnabled(each),
        stop() {
          attached.delete(uuid);
          return mapping.stop();
        },
      };
    },
    close: async () => journal?.close(),
  };
}

function openSwitches(file: string, switches: Map<string, Switch>): Promise<Journal<Switch>> {
  const load = (record: Switch): void => void switches.set(record.uuid, record);
  return openJournal({ file, load, snapshot: () => [...switches.values()] });
}

function configuration(
  { uuid, config }: Attached,
  { region, accountId }: LambdaControlPlaneOptions,
): client.EventSourceMappingConfiguration {
  return {
    UUID: uuid,
    EventSourceMappingArn: `arn:aws:lambda:${region}:${accountId}:event-source-mapping:${uuid}`,
    EventSourceArn: config.eventSourceArn,
    FunctionArn: `arn:aws:lambda:${region}:${accountId}:function:${config.functionName}`,
    BatchSize: config.batchSize,
    MaximumBatchingWindowInSeconds: config.windowSeconds,
    ScalingConfig: { MaximumConcurrency: config.maximumConcurrency },
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    StateTransitionReason: "USER_INITIATED",
  };
}

type Input<Name extends "ListEventSourceMappings" | "UpdateEventSourceMapping"> = Parameters<
  HandlerFor<typeof client, Name>
>[0];

/** AWS gives at most 100 a page. https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html */
const mostListed = 100;

function listMappings(
  { EventSourceArn, FunctionName, Marker, MaxItems = mostListed }: Input<"ListEventSourceMappings">,
  all: readonly client.EventSourceMappingConfiguration[],
): client.ListEventSourceMappingsResponse {
  if (!Number.isInteger(MaxItems) || MaxItems < 1 || MaxItems > 10_000) throw invalid("MaxItems must be 1 to 10000.");
  const from = Marker === undefined || Marker === "" ? 0 : Number(/^\d{1,6}$/.exec(Marker)?.[0] ?? Number.NaN);
  if (Number.isNaN(from)) throw invalid("The marker is not one that was given out.");
  const fitting = all.filter(
    (each) =>
      (EventSourceArn === undefined || each.EventSourceArn === EventSourceArn) &&
      (FunctionName === undefined || isFunction(each.FunctionArn ?? "", FunctionName)),
  );
  const to = from + Math.min(MaxItems, mostListed);
  const more = to < fitting.length ? { NextMarker: String(to) } : {};
  return { EventSourceMappings: fitting.slice(from, to), ...more };
}

/** A function may be named by its name, its ARN, or the ARN's end from the account on. */
function isFunction(arn: string, given: string): boolean {
  return arn === given || arn.endsWith(`:function:${given}`) || (given.includes(":") && arn.endsWith(`:${given}`));
}

function refuseOtherChanges(
  { UUID: _uuid, Enabled: _enabled, FunctionName, ...others }: Input<"UpdateEventSourceMapping">,
  { functionName }: MappingConfig,
): void {
  const [other] = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (other !== undefined) throw invalid(`${other} cannot be changed here: it is the plan's.`);
  if (FunctionName !== undefined && FunctionName !== functionName) {
    throw invalid("FunctionName cannot be changed here: it is the plan's.");
  }
}

const invalid = (message: string): AwsError => new AwsError("InvalidParameterValueException", message);
