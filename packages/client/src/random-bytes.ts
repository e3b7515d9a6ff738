/** Bytes that are drawn at once: one draw costs as much for 16 of them as for 4,096. */
const drawn = new Uint8Array(4096);
let used = drawn.length;

/** 16 random bytes for a new job id. They are to be read at once: some calls later others stand there. */
export function randomBytes16(): Uint8Array {
  if (used === drawn.length) {
    crypto.getRandomValues(drawn);
    used = 0;
  }
  used += 16;
  return drawn.subarray(used - 16, used);
}
