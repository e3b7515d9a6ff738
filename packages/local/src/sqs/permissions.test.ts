import { AddPermissionCommand, GetQueueAttributesCommand, RemovePermissionCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SqsFixture, startSqs } from "./fixture.ts";

let aws: SqsFixture;
let QueueUrl: string;

beforeEach(async () => {
  aws = await startSqs();
  QueueUrl = await aws.create("work");
});

afterEach(() => aws.close());

const add = (Label: string, input: { AWSAccountIds?: string[]; Actions?: string[] } = {}) =>
  aws.client.send(
    new AddPermissionCommand({
      QueueUrl,
      Label,
      AWSAccountIds: ["111122223333"],
      Actions: ["SendMessage"],
      ...input,
    }),
  );

async function policy(): Promise<unknown> {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] });
  const text = (await aws.client.send(command)).Attributes?.Policy;
  return text === undefined ? undefined : JSON.parse(text);
}

describe("a permission", () => {
  test("is a statement in the queue's policy until it is removed", async () => {
    await add("senders", { AWSAccountIds: ["111122223333", "444455556666"], Actions: ["SendMessage", "GetQueueUrl"] });
    const resource = "arn:aws:sqs:us-east-1:000000000000:work";
    expect(await policy()).toEqual({
      Version: "2008-10-17",
      Id: `${resource}/SQSDefaultPolicy`,
      Statement: [
        {
          Sid: "senders",
          Effect: "Allow",
          Principal: { AWS: ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"] },
          Action: ["SQS:SendMessage", "SQS:GetQueueUrl"],
          Resource: resource,
        },
      ],
    });
    await aws.client.send(new RemovePermissionCommand({ QueueUrl, Label: "senders" }));
    expect(await policy()).toBeUndefined();
  });

  test.each([
    ["an action that cannot be granted", { Actions: ["Fly"] }, "Value SQS:Fly for parameter ActionName is invalid."],
    ["an account that is none", { AWSAccountIds: ["me"] }, "Value [me] for parameter PrincipalId is invalid."],
  ])("is refused for %s", async (_, input, message) => {
    await expect(add("senders", input)).rejects.toThrow(message);
    expect(await policy()).toBeUndefined();
  });

  test("is refused when the queue has twenty", async () => {
    for (let label = 0; label < 20; label++) await add(`label-${label}`);
    await expect(add("one-more")).rejects.toMatchObject({ name: "OverLimit", $metadata: { httpStatusCode: 403 } });
  });
});
