/** Appends lines to many files at a steady rate: `writes-reports.js <lines a second> <ms> <file> …`. Then tells how many. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const [rate, ms, ...files] = process.argv.slice(2)
const perMs = Number(rate) / 1000
const fds = files.map((file) => openSync(file, constants.O_WRONLY | constants.O_APPEND))
let written = 0
const began = performance.now()
for (let now = 0; now < Number(ms); now = performance.now() - began) {
  // Each line by a write of its own, as agents do.
  for (const due = now * perMs; written < due; written += 1)
    writeSync(fds[written % fds.length] ?? 0, 'beat\n')
  await pause(2)
}
for (const fd of fds) closeSync(fd)
process.send?.({ written }, () => process.disconnect())
