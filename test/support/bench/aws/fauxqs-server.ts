// fauxqs with its persistence on. To be started with loopback-only.ts: it listens on every address by itself.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startFauxqs } from "fauxqs";
import { serve } from "./child.ts";

await serve(async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), "tendril-bench-fauxqs-"));
  const server = await startFauxqs({ port: 0, logger: false, dataDir });
  if (new URL(server.address).hostname !== "127.0.0.1") throw new Error(`fauxqs listens on ${server.address}.`);
  return {
    url: server.address,
    async close() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
});
