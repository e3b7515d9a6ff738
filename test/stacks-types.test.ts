/** The types of `Resource`, which an editor shows whoever writes against what is linked. */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { own, production, root, threeMinutesMs } from "./support/stacks/cases.ts";
import { linkTypes } from "./support/stacks/link-types.ts";
import { preparePlatform } from "./support/stacks/platform.ts";

beforeAll(() => preparePlatform(root), threeMinutesMs);

test(
  "sst-env.d.ts is what SST would write: `npx vitest run test/stacks-types.test.ts --update` writes it anew",
  async () => {
    const text = linkTypes(await own.stack());
    expect(text).toContain(
      '"JobsQueue": {\n      "arn": string\n      "deadLetterUrl": string\n      "type": "sst.sst.Linkable"',
    );
    await expect(text).toMatchFileSnapshot(join(root, "sst-env.d.ts"));
  },
  threeMinutesMs,
);

test(
  "it is the same in every stage",
  async () => {
    expect(linkTypes(await production.stack())).toBe(linkTypes(await own.stack()));
  },
  threeMinutesMs,
);
