import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Environment, openRemote } from "./remote.ts";
import type { RemoteOptions } from "./remote-options.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-remote-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const none = { url: undefined, tokenFile: undefined, sign: false, region: undefined };
const open = (options: Partial<RemoteOptions>, environment: Environment = {}) =>
  openRemote({ ...none, ...options }, environment);

test("the API is the one that is named, that of TENDRIL_URL, or that of the tier on this machine", async () => {
  const url = "https://a.example.com";
  expect((await open({ url }, { TENDRIL_URL: "https://b.example.com" })).url).toBe(url);
  expect((await open({}, { TENDRIL_URL: url })).url).toBe(url);
  expect((await open({}, { TENDRIL_URL: "" })).url).toBe("http://127.0.0.1:4747");
});

describe("is refused, and no token is shown:", () => {
  test.each([
    ["an address that is none", {}, { TENDRIL_URL: "queue" }, "TENDRIL_URL=queue"],
    [
      "a token for everybody on the way",
      { url: "http://10.0.0.7" },
      { TENDRIL_TOKEN: "s3cret" },
      "https:// for a token",
    ],
    ["a token that no header can have", {}, { TENDRIL_TOKEN: "s3cret\nx" }, "visible ASCII"],
    ["a file that is not there", { tokenFile: "/nowhere/token" }, {}, "ENOENT"],
  ])("%s", async (_, options, environment: Environment, says) => {
    const refusal: unknown = await open(options, environment).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "usage", message: expect.stringContaining(says) });
    expect(String(refusal)).not.toContain("s3cret");
  });

  test("what the token's file has, if it is no token", async () => {
    await writeFile(join(folder, "token"), "s3cret and more\n");
    const refusal: unknown = await open({ tokenFile: join(folder, "token") }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "usage" });
    expect(String(refusal)).not.toContain("s3cret");
  });
});
