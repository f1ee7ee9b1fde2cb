/** How a handle looks when it is printed: at a prompt, in a log. */
import type { AgentHandle } from './reeve.ts'

/** `Agent coder · running · pid 41500`. For `[Symbol.for('nodejs.util.inspect.custom')]`. */
export function handleText({ name, state, pid, record }: AgentHandle): string {
  const { alive } = record
  return `Agent ${name} · ${state}${pid === null ? '' : ` · ${alive ? '' : 'last '}pid ${pid}`}`
}
