import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** What is known of an object besides its bytes. */
export interface ObjectHead {
  readonly key: string;
  readonly contentType: string;
  readonly crc32: string;
  /** Of the bytes, in hexadecimal. */
  readonly md5: string;
  /** When it was written, in milliseconds since 1970. */
  readonly atMs: number;
}

/** An object. */
export interface StoredObject {
  readonly head: ObjectHead;
  readonly bytes: Uint8Array;
}

/** Buckets and their objects. What it has written is on disk. Its calls reject with what the disk says. */
export interface ObjectStore {
  hasBucket(bucket: string): boolean;
  makeBucket(bucket: string): Promise<void>;
  write(bucket: string, object: StoredObject): Promise<void>;
  read(bucket: string, key: string): Promise<StoredObject | undefined>;
  /** Nothing happens when it is not there. */
  remove(bucket: string, key: string): Promise<void>;
  /** Removes what was written at a time or before, and what was never written to its end. */
  removeUntil(bucket: string, untilMs: number): Promise<void>;
}

/** Objects in memory. */
export function memoryStore(): ObjectStore {
  const buckets = new Map<string, Map<string, StoredObject>>();
  return {
    hasBucket: (bucket) => buckets.has(bucket),
    async makeBucket(bucket) {
      buckets.set(bucket, new Map());
    },
    async write(bucket, object) {
      buckets.get(bucket)?.set(object.head.key, object);
    },
    read: async (bucket, key) => buckets.get(bucket)?.get(key),
    async remove(bucket, key) {
      buckets.get(bucket)?.delete(key);
    },
    async removeUntil(bucket, untilMs) {
      const objects = buckets.get(bucket) ?? new Map<string, StoredObject>();
      for (const [key, { head }] of objects) if (head.atMs <= untilMs) objects.delete(key);
    },
  };
}

/**
 * Objects in a folder: a folder for each bucket, and in it a file for each object, named by the SHA-256 of its key; its
 * first line is the head as JSON, the rest the bytes. A file is written beside, and takes its name when it is whole.
 */
export function folderStore(dir: string): ObjectStore {
  const folderOf = (bucket: string): string => join(dir, bucket);
  const fileOf = (bucket: string, key: string): string =>
    join(folderOf(bucket), createHash("sha256").update(key).digest("hex"));
  return {
    hasBucket: (bucket) => existsSync(folderOf(bucket)),
    async makeBucket(bucket) {
      await mkdir(folderOf(bucket), { recursive: true });
    },
    write: (bucket, object) => writeWhole(fileOf(bucket, object.head.key), object),
    read: (bucket, key) => readObject(fileOf(bucket, key)),
    async remove(bucket, key) {
      await rm(fileOf(bucket, key), { force: true });
    },
    async removeUntil(bucket, untilMs) {
      for (const name of await readdir(folderOf(bucket))) {
        const file = join(folderOf(bucket), name);
        // What was being written when the process was killed has no name that a key could have.
        const isOld = name.includes(".") || ((await readObject(file))?.head.atMs ?? untilMs) <= untilMs;
        if (isOld) await rm(file, { force: true });
      }
    },
  };
}

async function writeWhole(file: string, { head, bytes }: StoredObject): Promise<void> {
  const beside = `${file}.${randomUUID()}`;
  try {
    const handle = await open(beside, "wx", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(head)}\n`);
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (failure) {
    await rm(beside, { force: true });
    throw failure;
  }
  const folder = await open(join(file, ".."), "r");
  await folder.sync().finally(() => folder.close());
}

async function readObject(file: string): Promise<StoredObject | undefined> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return undefined;
    throw failure;
  }
  const lineEnd = content.indexOf("\n");
  const head = JSON.parse(content.toString("utf8", 0, lineEnd)) as ObjectHead;
  return { head, bytes: content.subarray(lineEnd + 1) };
}
