/** Starts hosts, asks them, and ends them whatever happens. */
/** @import { Crew } from './types.ts' */
/** @typedef {Exclude<keyof Crew, 'close'>} Method */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a host is given to bring its crews home before it is killed. */
const LEAVE_MS = 8_000

/**
 * @typedef {object} Host
 * @property {number} pid
 * @property {number} rssMb
 * @property {<M extends Method>(crew: 'raw' | 'reeve', method: M, ...args: Parameters<Crew[M]>) => ReturnType<Crew[M]>} ask
 */

/**
 * @param {readonly ('raw' | 'reeve')[]} crews
 * @param {number} megabytes
 * @param {string} [homes]
 */
async function open(crews, megabytes, homes) {
  const script = fileURLToPath(new URL('./host.js', import.meta.url))
  const child = fork(script, [String(megabytes), ...crews], {
    execArgv: [],
    env: { ...process.env, ...(homes && { REEVE_BENCH_HOMES: homes }) },
  })
  const exited = once(child, 'exit')
  /** @type {Map<number, { resolve: (value: never) => void, reject: (error: Error) => void }>} */
  const asked = new Map()
  let ids = 0
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    if (child.connected) child.disconnect()
    const late = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS)
    await exited
    clearTimeout(late)
  }
  const failed = exited.then(([code, signal]) => {
    const error = new Error(`the host of ${crews.join(' and ')} ended (${signal ?? code})`)
    for (const { reject } of asked.values()) reject(error)
    throw error
  })
  failed.catch(() => {})
  const [{ ready }] = await Promise.race([once(child, 'message'), failed])
  child.on('message', (/** @type {{ id: number, value: never, error?: string }} */ { id, value, error }) => {
    const waiting = asked.get(id)
    asked.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  })
  /** @type {Host} */
  const host = {
    pid: child.pid ?? 0,
    rssMb: Math.round(ready / 2 ** 20),
    ask: /** @type {Host['ask']} */ (
      (crew, method, ...args) =>
        new Promise((resolve, reject) => {
          const id = ++ids
          asked.set(id, { resolve, reject })
          child.send({ id, crew, method, args })
        })
    ),
  }
  return { host, close }
}

/**
 * @template T
 * @param {readonly ('raw' | 'reeve')[]} crews
 * @param {number} megabytes that it holds in memory
 * @param {(host: Host) => Promise<T>} work
 * @param {string} [homes] where the homes of its supervisors are made; default: the folder for temporary files
 */
export async function withHost(crews, megabytes, work, homes) {
  const { host, close } = await open(crews, megabytes, homes)
  try {
    return await work(host)
  } finally {
    await close()
  }
}

/**
 * `child_process` in an otherwise empty process, and Reeve in another.
 *
 * @template T
 * @param {(raw: Host, reeve: Host) => Promise<T>} work
 */
export const withBoth = (work) =>
  withHost(['raw'], 0, (raw) => withHost(['reeve'], 0, (reeve) => work(raw, reeve)))
