/** There is no event loop to hold: what stands in for `src/process/held.ts`. */
export const held = <T>(work: Promise<T>): Promise<T> => work
