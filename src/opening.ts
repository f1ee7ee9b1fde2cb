/** What a supervisor stands on, opened one after another: home, lock, registry, launcher. What fails undoes the rest. */
import { nanoid } from 'nanoid'
import { realClock } from './clock.ts'
import { type Estate, NO_ESTATE, readEstate } from './estate.ts'
import { leaveHome, openHome } from './home.ts'
import type { Warning } from './listeners.ts'
import type { SupervisorOptions } from './options.ts'
import { orphanedRecords } from './orphaned-records.ts'
import { type Outside, spillFolderOf } from './outside.ts'
import { askRegistry } from './queries.ts'
import { memoryRegistry } from './registry/memory.ts'
import { Runtime, type RuntimeOptions } from './runtime.ts'

export interface Opened {
  readonly runtime: Runtime
  /** What supervisors before left in this home. */
  readonly estate: Estate
}

/** @throws ReeveError `home_unusable`, `home_locked`, `registry_unavailable`, `launcher_failed` */
export async function open(
  outside: Outside,
  options: SupervisorOptions,
  bases: RuntimeOptions['bases'],
): Promise<Opened> {
  const supervisorId = nanoid(12)
  const clock = options.clock ?? realClock
  const registry = options.registry ?? memoryRegistry()
  const durable = registry.durable === true
  const home = openHome(options.home, supervisorId)
  const undo: (() => unknown)[] = [() => leaveHome(home)]
  const warnings: Warning[] = []
  let warn = (warning: Warning): void => void warnings.push(warning)
  try {
    // What nobody else can know of needs no lock.
    const lock = home.ephemeral && !durable ? undefined : await outside.lockHome(home.dir)
    undo.unshift(() => lock?.release())
    await askRegistry({ registry, clock }, (each) => each.open())
    undo.unshift(() => registry.close?.())
    if (durable)
      await outside.replaySpills({
        dir: spillFolderOf(home, registry),
        registry,
        append: (batch) => askRegistry({ registry, clock }, (each) => each.append(batch)),
        warn: (message) => warn({ code: 'registry_unavailable', message }),
      })
    const trouble = (message: string, cause?: unknown) => warn({ code: 'home_unusable', message, cause })
    const lasts = durable && !home.ephemeral
    const specs = lasts ? outside.openSpecs({ dir: home.specs, supervisorId, trouble }) : undefined
    undo.unshift(() => specs?.close())
    // Before the launcher: from its start on, everything is decided in one turn.
    const kept = specs ? await readEstate(specs, { registry, clock }, (each) => warn(each)) : NO_ESTATE
    const known = new Set(kept.bequests.map(({ plan }) => plan.id))
    const isKnown = (id: string) => known.has(id)
    const orphaned = durable ? await orphanedRecords({ registry, clock }, home, outside, isKnown) : []
    const estate = { ...kept, orphaned }
    const runtime = new Runtime({
      supervisorId,
      home,
      lock,
      clock,
      registry,
      specs,
      given: options,
      bases,
      outside,
    })
    undo.unshift(() => runtime.vigil.reports.close())
    await runtime.start(options)
    warn = (warning) => runtime.listeners.warn(warning)
    for (const warning of warnings) warn(warning)
    return { runtime, estate }
  } catch (error) {
    // What went wrong first is what is told.
    for (const each of undo)
      await Promise.resolve()
        .then(each)
        .catch(() => {})
    throw error
  }
}
