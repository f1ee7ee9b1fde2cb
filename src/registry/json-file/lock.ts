/**
 * One writer per file: an abstract socket named by the folder's device and inode and the file's name. It frees
 * itself with the process, SIGKILL included, and whoever finds it taken can ask it for the holder's pid.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { realClock } from '../../clock.ts'
import { errnoOf, ReeveError } from '../../errors.ts'

const ASK_LIMIT_MS = 200

export interface Lock {
  release(): Promise<void>
}

/** @throws ReeveError `registry_unavailable` when another holds it */
export async function lock(file: string): Promise<Lock> {
  const name = nameOf(file)
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(`${process.pid}`, () => socket.destroy())
  })
  server.unref()
  try {
    server.listen({ path: name })
    await once(server, 'listening')
  } catch (cause) {
    if (errnoOf(cause) !== 'EADDRINUSE') throw cause
    const message = `${file} is in use by ${await holderOf(name)}. Stop it, or give another path; sqliteRegistry() can be shared.`
    throw new ReeveError('registry_unavailable', message, { errno: 'EADDRINUSE', cause })
  }
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function nameOf(file: string): string {
  const { dev, ino } = fs.statSync(path.dirname(file))
  const base = createHash('sha256').update(path.basename(file)).digest('hex').slice(0, 16)
  return `\0reeve-registry-${dev}-${ino}-${base}`
}

async function holderOf(name: string): Promise<string> {
  const socket = net.connect({ path: name })
  const timer = realClock.setTimeout(() => socket.destroy(), ASK_LIMIT_MS)
  let said = ''
  socket.setEncoding('utf8')
  socket.on('data', (text) => {
    said += text
  })
  // It may have left meanwhile: then nobody is named.
  socket.on('error', () => socket.destroy())
  await new Promise((resolve) => socket.once('close', resolve))
  realClock.clearTimeout(timer)
  if (!/^\d+$/.test(said)) return 'another process'
  return said === `${process.pid}` ? `this process (${said})` : `pid ${said}`
}
