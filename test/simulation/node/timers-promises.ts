/** `node:timers/promises` of the simulated machine. */
export const simulated = {
  setImmediate: (): Promise<void> => new Promise((resolve) => setImmediate(resolve)),
}
