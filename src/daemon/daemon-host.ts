/**
 * The daemon's own process: `node daemon-host.js daemon <home> <options as JSON>`. It says on descriptor 3 that it
 * answers, or why it never will; from then on it speaks to its log alone. What ends it is a request, or a signal:
 * then every agent goes down its ladder first. A second signal hastens that.
 */
import { closeSync, writeSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import { leaveAgentsGroup } from '../process/control-groups.ts'
import { inheritableDescriptors } from '../process/proc.ts'
import { wireError } from '../wire.ts'
import { type Daemon, runDaemon } from './daemon.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { endOnSignals } from './end-on-signals.ts'
import { lineLog } from './log.ts'

const READY_FD = 3
const log = lineLog(2)

function say(word: unknown): void {
  try {
    writeSync(READY_FD, `${JSON.stringify(word)}\n`)
  } catch (error) {
    log(`who started this daemon is gone: ${messageOf(error)}`)
  } finally {
    closeSync(READY_FD)
  }
}

async function main([word, home, options]: readonly (string | undefined)[]): Promise<never> {
  if (word !== 'daemon' || home === undefined || options === undefined)
    throw new Error('usage: daemon-host daemon <home> <options>; it is started by "reeve up -d", not by hand')
  for (const name of Object.keys(process.env)) if (name.startsWith('REEVE_')) delete process.env[name]
  for (const fd of inheritableDescriptors(READY_FD)) closeSync(fd)
  try {
    leaveAgentsGroup()
  } catch (error) {
    log(`the agent's control group that this runs in could not be left: ${messageOf(error)}`)
  }
  let daemon: Daemon
  try {
    daemon = await runDaemon({ ...(JSON.parse(options) as DaemonOptions), home }, log)
  } catch (error) {
    say(wireError(error))
    process.exit(1)
  }
  // One fault takes nobody's supervisor away; that it was there stands in the log.
  process.on('uncaughtException', (error) => log(`fault: ${error.stack ?? error.message}`))
  endOnSignals(daemon, log)
  log(`serving ${daemon.status().socket}, pid ${process.pid}, version ${daemon.status().version}`)
  say({ ready: true })
  const { ended, escaped, timedOut } = await daemon.stopped
  log(
    `stopped: ${ended} agents ended${escaped.length > 0 ? `, still there: pid ${escaped.join(', ')}` : ''}${timedOut ? ', the time ran out' : ''}`,
  )
  process.exit()
}

await main(process.argv.slice(2))
