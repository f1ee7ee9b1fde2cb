/** The longest name of an agent, in characters. */
export const MAX_NAME = 128
