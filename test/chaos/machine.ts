/** What really runs on this machine of the chaos: read from `/proc`, with nothing of Reeve in between. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Seen {
  readonly pid: number
  readonly agentId: string
  readonly name: string
  readonly incarnation: string
  /** The leader of its life: the process that Reeve forked. */
  readonly leader: boolean
}

const read = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return '' // it is gone
  }
}

/** Every live process of every agent whose environment bears this folder. */
export function agentProcesses(folder: string): Seen[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const environ = read(pid, 'environ')
      if (!environ.includes(`CHAOS=${folder}\0`)) return []
      const stat = read(pid, 'stat')
      const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === undefined || state === '' || 'ZXx'.includes(state)) return []
      const value = (key: string): string => new RegExp(`(?:^|\\0)${key}=([^\\0]*)`).exec(environ)?.[1] ?? ''
      const leader = session === pid && read(pid, 'cmdline').includes(`${folder}/ledger`)
      return [
        {
          pid: Number(pid),
          agentId: value('REEVE_AGENT_ID'),
          name: value('REEVE_AGENT_NAME'),
          incarnation: value('REEVE_INCARNATION'),
          leader,
        },
      ]
    })
}

/** Launchers of this home, by their command lines. */
export const launchers = (home: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const words = read(pid, 'cmdline').split('\0')
      return words.includes('launcher') && words.includes(home)
    })
    .map(Number)
