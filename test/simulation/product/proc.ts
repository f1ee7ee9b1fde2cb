/** `/proc` of the simulated machine: what stands in for `src/process/proc.ts`. */
export * from '../../../src/process/proc.ts'

import type * as real from '../../../src/process/proc.ts'
import { parseStat } from '../../../src/process/proc-linux.ts'
import { here, isBroken } from '../here.ts'
import type { SimProcess } from '../machine/process.ts'

/** Between any two looks the machine may have gone on. */
function look(pid: number): SimProcess | undefined {
  const { kernel, chances } = here()
  if (chances.chance(0.01)) kernel.preempt(5)
  return kernel.table.get(pid)
}

export const MS_PER_TICK = 10
const PAGE_BYTES = 4096

export const statOf: typeof real.statOf = (pid) => {
  const process = look(pid)
  if (!process) return undefined
  const { comm, state, ppid, pgrp, session, cpuMs, childCpuMs, pages } = process
  const { lastStart } = here()
  if (process.life !== null) lastStart.set(pid, process.startTime)
  const isLying = isBroken('no-identity-check') || (isBroken('adopt-by-pid') && here().embedder.beginning)
  const startTime = (isLying && process.life === null && lastStart.get(pid)) || process.startTime
  const letter = isBroken('zombies-live') && state === 'Z' ? 'R' : state
  const ticks = (ms: number) => Math.floor(ms / MS_PER_TICK)
  const fields = [
    letter,
    ppid,
    pgrp,
    session,
    0,
    -1,
    0,
    0,
    0,
    0,
    0,
    ticks(cpuMs),
    0,
    ticks(childCpuMs),
    0,
    20,
    0,
    1,
    0,
    startTime,
    0,
    pages,
  ]
  return parseStat(`${pid} (${comm}) ${fields.join(' ')}`)
}

export const environOf: typeof real.environOf = (pid) => {
  const process = look(pid)
  if (!process) return undefined
  return Buffer.from(process.state === 'Z' || process.execing ? '' : process.environ)
}

const UID = process.geteuid?.()
export const uidOf: typeof real.uidOf = (pid) => (look(pid) ? UID : undefined)

export const childrenOf: typeof real.childrenOf = (pid) => {
  look(pid)
  return [...here().kernel.table.values()].filter(({ ppid }) => ppid === pid).map((child) => child.pid)
}

export const allPids: typeof real.allPids = () => [...here().kernel.table.keys()]
export const glance: typeof real.glance = () => ({
  pids: allPids(),
  stat: statOf,
  environ: environOf,
  uid: uidOf,
})
export const ticksNow: typeof real.ticksNow = () => here().kernel.ticks
export const pageBytes: typeof real.pageBytes = () => PAGE_BYTES
export const proportionalBytes: typeof real.proportionalBytes = (pid) => (look(pid)?.pages ?? 0) * PAGE_BYTES
export const bootId: typeof real.bootId = () => 'simulated'
export const machineId: typeof real.machineId = () => undefined
export const pidNamespace: typeof real.pidNamespace = () => 'simulated'
export const inheritableDescriptors: typeof real.inheritableDescriptors = () => []
