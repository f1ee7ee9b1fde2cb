/** What goes wrong is told on stderr, once; an agent never fails for what it wanted to say. */
const told = new Set<string>()

export function warn(what: string, cause: unknown): void {
  const message = `reeve/agent: ${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  if (told.has(message)) return
  told.add(message)
  process.emitWarning(message, 'ReeveWarning')
}
