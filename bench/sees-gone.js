/** Looks at pids until none of them is alive, and tells its parent when each was first seen gone: as an outsider sees it. */
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive, moment } from './processes.js'

const EVERY_MS = 4

process.once('disconnect', () => process.exit())
process.on('message', async (/** @type {{ pids: number[], from: number }} */ { pids, from }) => {
  await pause(Math.max(0, from - moment()))
  let left = pids
  /** @type {number[]} */
  const gone = []
  for (; left.length > 0; await pause(EVERY_MS)) {
    left = left.filter((pid) => {
      if (isAlive(pid)) return true
      gone.push(moment())
      return false
    })
  }
  process.send?.(gone)
})
