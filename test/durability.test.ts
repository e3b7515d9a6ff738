// What `tendril aws` has acknowledged survives kill -9 under load; its journal does not grow without bound. The long form
// is scripts/durability-campaign.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AwsProcess, startAws, temporaryFolder } from "./support/aws-process.ts";
import { runCampaign, steadyLoad } from "./support/durability/campaign.ts";
import { MessageBook } from "./support/durability/message-book.ts";

/** Its PostgreSQL serves the others, which then start sooner. */
let database: AwsProcess;
let databaseFolder: Awaited<ReturnType<typeof temporaryFolder>>;
let flags: string[];

beforeAll(async () => {
  databaseFolder = await temporaryFolder();
  database = await startAws({ folder: databaseFolder.path });
  flags = ["--database-url", database.databaseUrl];
});

afterAll(async () => {
  await database?.kill();
  await databaseFolder?.remove();
});

test("killed three times under load, it keeps what it acknowledged", async () => {
  const folder = await temporaryFolder();
  const result = await runCampaign({
    folder: folder.path,
    flags,
    kills: 3,
    seed: 7,
    loadMs: [300, 900],
    killedStarts: 0.3,
    log: () => {},
  });
  expect(result.lies).toEqual([]);
  expect(result.messages).toBeGreaterThan(20);
  expect(result.schedules).toBeGreaterThan(2);
  await folder.remove();
});

test("messages that come and go leave a journal of a few megabytes", async () => {
  const folder = await temporaryFolder();
  const aws = await startAws({ folder: folder.path, flags });
  expect(await steadyLoad({ aws, folder: folder.path, messages: 700, bodyBytes: 16_384 })).toBeLessThan(
    6 * 1024 * 1024,
  );
  await aws.stop();
  await folder.remove();
});

test("the book of what was acknowledged tells a lie from a doubt", () => {
  const book = new MessageBook();
  const message = (key: string) => book.sending({ key, queue: "q", group: undefined, bytes: 1 });
  const receive = (key: string, id: string, endedMs: number, visibilityMs = 0) =>
    book.received({
      queue: "q",
      messages: [{ id, body: `${key}|`, handle: "h" }],
      startedMs: endedMs - 1,
      endedMs,
      visibilityMs,
    });
  Object.assign(message("deleted"), { sent: "acknowledged", deleted: "acknowledged", deletedAtMs: 10 });
  receive("deleted", "1", 20);
  Object.assign(message("hidden"), { sent: "acknowledged", hidden: { sinceMs: 0, untilMs: 1000, by: "change" } });
  receive("hidden", "2", 20);
  message("doubled");
  receive("doubled", "3", 20);
  receive("doubled", "4", 30);
  receive("nobody's", "5", 30);
  Object.assign(message("doubted"), { deleted: "in-doubt" });
  receive("doubted", "6", 30);
  expect(book.lies).toEqual([
    "q: deleted was received although its deletion was acknowledged",
    "q: hidden was received 980 ms early (hidden by change)",
    "q: doubled is there twice, as 3 and as 4",
    'q: received "nobody\'s|", which nobody sent there',
  ]);
  expect(book.living("q").map(({ key }) => key)).toEqual(["hidden", "doubled"]);
});
