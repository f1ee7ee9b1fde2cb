/**
 * Stays connected to a launcher that is not ours to speak with: while it sees somebody there, it ends nothing that it
 * keeps. Whatever its protocol is, it understands a greeting well enough to refuse it.
 */
import { connect } from 'node:net'
import type { ProcessIdentity } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { sleep } from './deadline.ts'
import { isAlive } from './identity.ts'
import { socketPath } from './launcher-files.ts'
import { lineOf } from './protocol.ts'

export interface StayOptions {
  readonly home: string
  readonly launcherId: string
  /** What it speaks, and what it is told that we speak. */
  readonly protocol: number
  readonly as: number
  readonly process: ProcessIdentity
  readonly clock: Clock
}

const AGAIN_AFTER_MS = 500

/** Resolves when that launcher is gone. */
export async function stayWith(options: StayOptions): Promise<void> {
  while (isAlive(options.process)) {
    await stayOnce(options)
    await sleep(options.clock, AGAIN_AFTER_MS)
  }
}

function stayOnce({ home, launcherId, protocol, as }: StayOptions): Promise<void> {
  return new Promise((resolve) => {
    const path = socketPath(home, launcherId, protocol)
    let isOpen = true
    const closePath = (): void => {
      if (isOpen) path.close()
      isOpen = false
    }
    const socket = connect(path.address)
    socket.unref()
    // Nothing that it says matters.
    socket.resume()
    socket.once('connect', closePath)
    // `close` follows.
    socket.once('error', () => {})
    socket.once('close', () => {
      closePath()
      resolve()
    })
    const nothing = { ephemeral: false, keepExits: true, leftovers: null, baseEnv: {} }
    socket.write(lineOf({ type: 'hello', protocol: as, launcherId, supervisorPid: process.pid, ...nothing }))
  })
}
