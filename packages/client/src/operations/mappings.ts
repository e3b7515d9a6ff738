/** Queues that are paused and resumed: their event source mappings, switched off and on. */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { queueUnknown } from "../sender.ts";
import { machineSleep, type Sleep } from "../sleep.ts";
import { failedCall } from "./dead-queue.ts";

/** Switches queues off and on. Paused, a queue goes on taking jobs, and its worker gets none; what runs, runs to its end. */
export interface Mappings {
  /** Undefined while Lambda changes something and does not say to what. Errors: `queue_unknown`, `aws_call_failed`, `rate_limited`. */
  paused(queue: string): Promise<boolean | undefined>;
  /** Resolves when Lambda has taken it, some seconds before it shows everywhere. Errors: as `paused`. */
  setPaused(queue: string, paused: boolean): Promise<void>;
}

/** What `createMappings` takes. */
export interface MappingsOptions {
  /** UUIDs of the queues' event source mappings, by the tier's names for the queues. */
  readonly mappings: Readonly<Record<string, string>>;
  /** Makes the client, when it is first needed. Default: one of the SDK's own settings. */
  readonly lambda?: () => LambdaClient | Promise<LambdaClient>;
  /** Waits while Lambda still changes the mapping. Default: the machine's own timers. */
  readonly sleep?: Sleep;
}

/** How often a change is tried while another one is under way, and the pause between: 10 seconds in all. */
const changing = { tries: 21, pauseMs: 500 };

/** Makes the switches of queues; the SDK's Lambda client is loaded when the first one is asked. */
export function createMappings({ mappings, lambda, sleep = machineSleep }: MappingsOptions): Mappings {
  let opened: Promise<LambdaClient> | undefined;
  const open = async () => {
    const calls = await import("./mapping-calls.ts");
    opened ??= Promise.resolve((lambda ?? calls.openLambda)());
    return { ...calls, client: await opened };
  };
  const uuidOf = (queue: string): string => {
    const uuid = Object.hasOwn(mappings, queue) ? mappings[queue] : undefined;
    if (uuid === undefined) throw queueUnknown(queue, Object.keys(mappings));
    return uuid;
  };
  return {
    async paused(queue) {
      const uuid = uuidOf(queue);
      const { client, readState } = await open();
      return pausedIn(await readState(client, uuid).catch(failedCall(`GetEventSourceMapping of ${queue}`)));
    },
    async setPaused(queue, paused) {
      const uuid = uuidOf(queue);
      const { client, setEnabled } = await open();
      const failed = failedCall(`UpdateEventSourceMapping of ${queue}`);
      for (let tries = 1; !(await setEnabled(client, uuid, !paused).catch(failed)); tries += 1) {
        if (tries === changing.tries) failed(new Error("another change of it is under way"));
        await sleep(changing.pauseMs);
      }
    },
  };
}

/**
 * Whether a mapping in a state is switched off; undefined where the state does not say.
 * https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
 */
export function pausedIn(state: string | undefined): boolean | undefined {
  switch (state) {
    case "Enabled":
    case "Enabling":
      return false;
    case "Disabled":
    case "Disabling":
      return true;
    default:
      return undefined; // Creating, Updating, Deleting
  }
}
