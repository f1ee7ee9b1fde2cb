/**
 * Serving on 127.0.0.1. A page in a browser reaches every port of this machine, by any name that someone lets point here:
 * the token, the Host and the Origin have to be ours.
 */
import { timingSafeEqual } from 'node:crypto'
import { ReeveError } from './errors.ts'

export interface CameBy {
  readonly host: string | undefined
  /** Said by browsers; by other programs left out. */
  readonly origin: string | undefined
}

const NAMES = ['127.0.0.1', 'localhost', '[::1]']

/**
 * Takes only who comes by our own name, and from our own page where from a page.
 *
 * @throws ReeveError `forbidden`
 */
export function refuseForeign(port: number, { host, origin }: CameBy): void {
  const ours = NAMES.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])])
  if (host === undefined || !ours.includes(host.toLowerCase()))
    throw forbidden(`the Host ${JSON.stringify(host ?? '')} is not ours`, port)
  if (origin !== undefined && !ours.some((each) => origin.toLowerCase() === `http://${each}`))
    throw forbidden(`the Origin ${JSON.stringify(origin)} is not ours`, port)
}

/** The token of `Authorization: Bearer TOKEN`. */
export const bearerIn = (authorization: string | undefined): string | undefined =>
  /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]

/** In a time that says nothing of where they differ. */
export function isSameSecret(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const forbidden = (why: string, port: number): ReeveError =>
  new ReeveError('forbidden', `${why}. Ask http://127.0.0.1:${port}.`)
