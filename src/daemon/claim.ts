/**
 * Who is starting the daemon of a home: one at a time, so that twenty who need one do not start twenty. A courtesy, and
 * no more: what holds in the end is the home's lock.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ProcessIdentity } from '../../machines/events.ts'
import { errnoOf } from '../errors.ts'
import { identify, isAlive } from '../process/identity.ts'

let claims = 0

/** What gives it back; `undefined` when another process, which lives, has it. */
export function claimStart(home: string): (() => void) | undefined {
  const file = path.join(home, 'daemon.starting')
  claims += 1
  const own = `${file}.${process.pid}.${claims}`
  // Whole from its first moment.
  writeFileSync(own, JSON.stringify(identify(process.pid)), { mode: 0o600 })
  try {
    if (!linked(own, file)) {
      if (isHeld(file)) return undefined
      rmSync(file, { force: true })
      if (!linked(own, file)) return undefined
    }
    return () => rmSync(file, { force: true })
  } finally {
    rmSync(own, { force: true })
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

function isHeld(file: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity)
  } catch {
    return false // it was given back meanwhile, or says nothing: it is free
  }
}
