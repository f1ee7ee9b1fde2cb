/** What the tests of the daemon share: daemons of their own in temporary homes, and requests as others make them. */
import { rmSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import { connect, type ReeveClient } from '../../src/client/index.ts'
import { type DaemonOptions, type DaemonStatus, startDaemon } from '../../src/daemon/index.ts'
import { livingMarker } from '../../src/daemon/marker.ts'
import { remember, temporaryFolder, until, untilDead } from '../support.ts'

/** A home that does not exist yet; whatever serves it in the end is ended in teardown. */
export function freshHome(t: Test, ...deeper: readonly string[]): string {
  const home = join(temporaryFolder(t), 'home', ...deeper)
  t.teardown(() => endDaemon(home))
  return home
}

/** Ends the daemon of a home, agents included. */
export async function endDaemon(home: string): Promise<void> {
  const marker = livingMarker(home)
  if (!marker || marker.pid === process.pid) return
  try {
    const client = await connect({ home })
    await client.shutdown({ timeout: '3s' })
    client.close()
  } catch {
    process.kill(marker.pid, 'SIGKILL')
  }
  await untilDead([marker.pid])
  rmSync(marker.socket, { force: true })
}

/** Kills a daemon, and waits until that process is no more: threads of it may outlive its first one for a moment. */
export async function killDaemon({ pid, home }: Pick<DaemonStatus, 'pid' | 'home'>): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await until(() => livingMarker(home) === undefined, { what: `daemon ${pid} is gone` })
}

export interface Served {
  readonly home: string
  readonly daemon: DaemonStatus
  readonly client: ReeveClient
}

/** A daemon, and a client of it. */
export async function serving(t: Test, options: DaemonOptions = {}): Promise<Served> {
  const home = options.home ?? freshHome(t)
  const { daemon } = await startDaemon({ ...options, home })
  remember(daemon.pid)
  const client = await connect({ home })
  t.teardown(() => client.close())
  return { home, daemon, client }
}

export interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface Request {
  readonly socketPath?: string
  readonly port?: number
  readonly method?: string
  readonly path: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** A request as any program makes one. */
export function ask({
  body,
  headers = {},
  method = body === undefined ? 'GET' : 'POST',
  ...where
}: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const target = where.port === undefined ? where : { ...where, host: '127.0.0.1' }
    const request = http.request({ ...target, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '')
        const json = isJson ? JSON.parse(text) : {}
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
