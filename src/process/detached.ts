/** Starting a process that outlives this one and holds nothing of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { inheritableDescriptors } from './proc.ts'

export interface Detached {
  readonly exec: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** A descriptor that takes what it writes. */
  readonly log: number
}

/**
 * In a session of its own, at `/`, with a pipe at descriptor 3 through which it says that it is up. Descriptors that lack
 * `O_CLOEXEC` would leak into it: whoever waits for the end of such a pipe would hang. `/dev/null` takes their places.
 */
export function spawnDetached({ exec, args, env, log }: Detached): ChildProcess {
  const devNull = openSync('/dev/null', 'r+')
  try {
    const stdio: (number | 'ignore' | 'pipe')[] = ['ignore', log, log, 'pipe']
    const leaks = inheritableDescriptors(3)
    for (let fd = 4; fd <= Math.max(3, ...leaks); fd++) stdio[fd] = 'ignore'
    for (const fd of leaks) stdio[fd] = devNull
    const child = spawn(exec, args, { cwd: '/', detached: true, stdio, env })
    child.unref()
    return child
  } finally {
    closeSync(devNull)
  }
}
