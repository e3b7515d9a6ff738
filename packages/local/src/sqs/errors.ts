import { AwsError } from "../wire/aws-error.ts";

/** A parameter whose value AWS refuses. */
export function invalidParameter(message: string): AwsError {
  return new AwsError("InvalidParameterValueException", message, { queryError: "InvalidParameterValue" });
}

/** A parameter that is not there; `member` may be a path. */
export function missingParameter(member: string): AwsError {
  const message = `The request must contain the parameter ${member}.`;
  return new AwsError("MissingRequiredParameterException", message, { queryError: "MissingParameter" });
}

/** A value that is out of range, or of no use here. */
export function invalidValue(parameter: string, value: unknown, reason: string): AwsError {
  return invalidParameter(`Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);
}

/** No queue has this name. */
export function queueDoesNotExist(): AwsError {
  return new AwsError("QueueDoesNotExist", "The specified queue does not exist.");
}
