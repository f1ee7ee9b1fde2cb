/** There are no files to remove: what `src/process/connection.ts` gets for `node:fs/promises`. */
export const rm = async (): Promise<void> => {}
