/**
 * Signals go to identities. Each is verified immediately before; a group is signalled only while a verified member
 * of that life is in it, for only then does its number still belong to that life.
 */
import type { ProcessIdentity, SignalledProcess } from '../../machines/events.ts'
import { errnoOf } from '../errors.ts'
import { identityOf, isAlive, type ProcessStat } from './identity.ts'
import type { Spared } from './spared.ts'

/** `gone`: it had ended before. `denied`: it belongs to another user by now (EPERM). `spared`: one of Reeve's own. */
export type SignalOutcome = 'sent' | 'gone' | 'denied' | 'spared'

export interface TreeSignalled {
  readonly reached: readonly SignalledProcess[]
  readonly denied: readonly number[]
}

/** Stopped processes take no signal until they go on. SIGKILL needs none, and one that stops must not be undone. */
const NO_CONTINUE: ReadonlySet<NodeJS.Signals> = new Set([
  'SIGKILL',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
])
const needsContinue = (signal: NodeJS.Signals): boolean => !NO_CONTINUE.has(signal)

function send(pid: number, signal: NodeJS.Signals): SignalOutcome {
  try {
    process.kill(pid, signal)
    return 'sent'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ESRCH') return 'gone'
    if (errno === 'EPERM') return 'denied'
    throw error
  }
}

/** SIGCONT follows at once, within the same verification. */
function sendAndContinue(pid: number, signal: NodeJS.Signals): SignalOutcome {
  const outcome = send(pid, signal)
  if (outcome === 'sent' && needsContinue(signal)) send(pid, 'SIGCONT')
  return outcome
}

/** Signals exactly this process, and SIGCONT after it. */
export function signalProcess(
  target: ProcessIdentity,
  signal: NodeJS.Signals,
  spared: Spared,
): SignalOutcome {
  if (spared.has(target)) return 'spared'
  return isAlive(target) ? sendAndContinue(target.pid, signal) : 'gone'
}

/** Signals the group of a life, known by its leader's pid, through the members that were found in it. */
function signalGroup(
  group: number,
  members: readonly ProcessStat[],
  signal: NodeJS.Signals,
  spared: Spared,
): SignalOutcome {
  if (group <= 1 || group === spared.ownGroup) return 'spared'
  return members.some((member) => isAlive(identityOf(member))) ? sendAndContinue(-group, signal) : 'gone'
}

/**
 * Signals a tree: its group at once, then one by one what had left the group; SIGCONT follows each.
 * `members` are the live processes of the tree, read in this moment.
 */
export function signalTree(
  leader: number | undefined,
  members: readonly ProcessStat[],
  signal: NodeJS.Signals,
  spared: Spared,
): TreeSignalled {
  const allowed = members.filter((member) => !spared.has(member))
  const isInGroup = (member: ProcessStat) => member.pgrp === leader && member.session === leader
  const inGroup = allowed.filter(isInGroup)
  const outside = allowed.filter((member) => !isInGroup(member))
  const reached: SignalledProcess[] = []
  const denied: number[] = []

  const outcome = leader === undefined ? 'gone' : signalGroup(leader, inGroup, signal, spared)
  for (const { pid } of inGroup) {
    if (outcome === 'sent') reached.push({ pid, where: pid === leader ? 'leader' : 'group' })
    else if (outcome === 'denied') denied.push(pid)
  }
  for (const stray of outside) {
    const one = signalProcess(identityOf(stray), signal, spared)
    if (one === 'sent') reached.push({ pid: stray.pid, where: 'own_session' })
    else if (one === 'denied') denied.push(stray.pid)
  }
  return { reached, denied }
}
