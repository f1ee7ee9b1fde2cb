/** What the figures were measured on. */
import { readFileSync } from 'node:fs'
import os from 'node:os'

export function machine() {
  const [cpu] = os.cpus()
  return {
    date: new Date().toISOString(),
    node: process.version,
    cores: os.availableParallelism(),
    cpu: cpu?.model ?? 'unknown',
    memoryMb: Math.round(os.totalmem() / 2 ** 20),
    kernel: `${os.type()} ${os.release()}`,
    load: os.loadavg().map((each) => Math.round(each * 100) / 100),
    hugePages: read('/sys/kernel/mm/transparent_hugepage/enabled'),
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return null
  }
}
