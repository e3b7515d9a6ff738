/** The floor: what Node alone takes. */
export const handler = (): { batchItemFailures: [] } => ({ batchItemFailures: [] });
