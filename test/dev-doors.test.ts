/** `tendril dev` with a tier that asks for a token and has a source: the entry points that are deployed, as they are. */
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { snsNotification } from "@tendril/core/envelope.fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project } from "./support/project.ts";

let project: Project;
let dev: DevTier;

beforeAll(async () => {
  project = await copyProject();
  await project.write(
    "packages/jobs/src/tier.ts",
    `import { defineTier } from "@tendril/core/tier";
    import { CronJob } from "./cron-job.ts";
    import { IncrementJob } from "./increment-job.ts";
    export const tier = defineTier({
      name: "doors",
      queues: { jobs: { sources: [{ from: "sns", job: IncrementJob, topic: "texts", input: "text" }] } },
      jobs: [IncrementJob, CronJob],
      cron: "packages/jobs/cron.yaml",
      api: { auth: { kind: "token" }, cors: { origins: ["https://app.example.com"] } },
    });`,
  );
  dev = await startDev(project.root);
}, 120_000);

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

function post(authorization: Record<string, string>): Promise<Response> {
  return fetch(`${dev.apiUrl}/job/post/IncrementJob`, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization },
    body: '{"data":"with a token"}',
  });
}

test("the API asks for the token, which stands in the request to paste", async () => {
  const [, token = ""] = /-H 'authorization: (Bearer \S+)'/.exec(dev.output()) ?? [];
  expect((await post({})).status).toBe(401);
  expect((await post({ authorization: `${token}x` })).status).toBe(401);
  expect((await post({ authorization: token })).status).toBe(202);
  expect((await fetch(`${dev.apiUrl}/health`)).status).toBe(200);
});

test("the pages of the named site may call it, and no others", async () => {
  const ask = (origin: string): Promise<Response> =>
    fetch(`${dev.apiUrl}/job/post/IncrementJob`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
  const allowed = async (origin: string) => (await ask(origin)).headers.get("access-control-allow-origin");
  expect(await allowed("https://app.example.com")).toBe("https://app.example.com");
  expect(await allowed("https://evil.example.com")).toBeNull();
});

test("a notification that is sent to the queue by hand is a job, and shown as one", async () => {
  const body = JSON.stringify(snsNotification("a text from a topic"));
  const queueUrl = `${dev.awsUrl}/000000000000/jobs`;
  await dev.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
  const [, id = ""] = await dev.printed(/enqueued +IncrementJob +([0-9a-f]{8}-[0-9a-f]{4}-5\S+)/);
  await dev.printed(new RegExp(`done +IncrementJob +${id}`));
  const rows = await dev.query("select data from job_server_data where data = 'a text from a topic'");
  expect(rows).toHaveLength(1);
});
