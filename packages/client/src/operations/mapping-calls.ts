/** The calls of `mappings.ts`, in a file of their own: what is loaded late, and of the SDK no more than these need. */
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ResourceInUseException,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";

/** A client with the SDK's own settings. */
export const openLambda = (): LambdaClient => new LambdaClient();

/** A mapping's state. https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html */
export async function readState(lambda: LambdaClient, UUID: string): Promise<string | undefined> {
  const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
  return State;
}

/**
 * Switches a mapping on or off; false when another change of it is under way, and nothing was done.
 * https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
 */
export async function setEnabled(lambda: LambdaClient, UUID: string, Enabled: boolean): Promise<boolean> {
  try {
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
    return true;
  } catch (error) {
    if (error instanceof ResourceInUseException) return false;
    throw error;
  }
}
