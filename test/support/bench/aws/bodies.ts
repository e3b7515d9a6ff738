/** How many messages stand in one call. */
export const batchSize = 10;

/** How long a message's body is, in bytes. */
export const bodyBytes = 230;

/** The bodies of the messages that a server which answers constants is sent: the same ten again and again. */
export const constantBodies: readonly string[] = distinctBodies(batchSize, "constant");

/** Bodies that are all different. */
export function distinctBodies(count: number, name: string): string[] {
  return Array.from({ length: count }, (_, index) => {
    const body = (data: string): string => JSON.stringify({ job_type: "IncrementJob", data });
    return body(`${name} ${index} `.padEnd(bodyBytes - body("").length, "abcdefghij "));
  });
}
