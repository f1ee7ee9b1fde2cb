/**
 * Holds the event loop while something is awaited. Sockets, children and timers of this folder never do: what holds
 * it otherwise is the supervisor, while an agent lives.
 */
export async function held<T>(work: Promise<T>): Promise<T> {
  const { port1 } = new MessageChannel()
  port1.ref()
  try {
    return await work
  } finally {
    port1.close()
  }
}
