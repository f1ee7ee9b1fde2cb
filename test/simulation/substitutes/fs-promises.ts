/** There are no files to remove: what some of the product gets for `node:fs/promises`. */
export const rm = async (): Promise<void> => {}
