/** The job of all ways. */
export async function noOp(_input: unknown): Promise<void> {}
