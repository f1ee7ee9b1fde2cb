/** A spec on its way to a daemon: what only this process has is resolved, or refused. */
import path from 'node:path'
import { ReeveError } from '../errors.ts'
import { withoutInheritedWords } from '../inherited-words.ts'
import { isRegExp } from '../realms.ts'
import type { AgentSpec } from '../spec.ts'
import { toWire } from '../wire.ts'

/** Whatever stands in this process's own folder and environment is made whole; functions cannot travel. */
export function specToWire(spec: AgentSpec): unknown {
  refuseFunctions(spec.cleanup)
  return toWire({
    ...spec,
    cwd: path.resolve(spec.cwd ?? '.'),
    ...(spec.env && { env: withoutInheritedWords(spec.env) }),
    ...(spec.ready !== undefined && { ready: withoutRegExp(spec.ready) }),
  })
}

function refuseFunctions(cleanup: readonly unknown[] | undefined): void {
  if (cleanup?.some((hook) => typeof hook === 'function'))
    throw new ReeveError(
      'invalid_spec',
      'cleanup: a function cannot run in the daemon. Leave it out, or supervise in this process with createSupervisor().',
      { field: 'cleanup' },
    )
}

function withoutRegExp(ready: NonNullable<AgentSpec['ready']>): unknown {
  if (typeof ready !== 'object' || !isRegExp(ready.line)) return ready
  const { source: pattern, flags } = ready.line
  return { ...ready, line: { pattern, flags } }
}
