/** Questions that can be put to an agent from outside: does it take connections, does it answer a request? */
import { connect } from 'node:net'
import { errnoOf, messageOf } from '../errors.ts'

export interface Probe {
  /** What is asked, as evidence shows it: `port 127.0.0.1:3000`. */
  readonly name: string
  /**
   * Resolves with what was seen, in a few words, when the answer is yes; rejects with why it is not. Aborted, it lets go
   * of everything at once; whether it settles then is of no interest.
   */
  ask(signal: AbortSignal): Promise<string>
}

/** A TCP connection is taken. Who takes it is not looked at. */
export function portProbe(host: string, port: number): Probe {
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return {
    name: `port ${where}`,
    ask: (signal) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host, port })
        const close = () => socket.destroy()
        signal.addEventListener('abort', close, { once: true })
        socket.once('connect', () => resolve('connected'))
        socket.once('error', (error) => reject(new Error(refusalOf(error))))
        socket.once('connect', close)
        socket.once('close', () => signal.removeEventListener('abort', close))
      }),
  }
}

/** A GET is answered with a status from 200 to 399. Redirects are not followed, certificates not checked, bodies not read. */
export function httpProbe(url: string): Probe {
  const { protocol, origin, pathname } = new URL(url)
  return {
    // What an address carries beside its path may be a secret.
    name: `http ${origin}${pathname}`,
    ask: async (signal) => {
      const { request } = await (protocol === 'https:' ? import('node:https') : import('node:http'))
      const status = await new Promise<number>((resolve, reject) => {
        const headers = { accept: '*/*', connection: 'close', 'user-agent': 'reeve' }
        const asked = request(
          url,
          { agent: false, headers, signal, rejectUnauthorized: false },
          (response) => {
            resolve(response.statusCode ?? 0)
            response.destroy()
          },
        )
        asked.on('error', (error) => reject(new Error(refusalOf(error))))
        asked.end()
      })
      if (status < 200 || status > 399) throw new Error(`status ${status}`)
      return `status ${status}`
    },
  }
}

/** Of a name with several addresses, an error for each. */
const refusalOf = (error: Error): string =>
  error instanceof AggregateError
    ? [...new Set(error.errors.map((each) => messageOf(each)))].join(', ')
    : error.message || (errnoOf(error) ?? error.name)
