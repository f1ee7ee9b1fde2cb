/**
 * The home's token, and one for each agent, made from it: an agent's token says who asks. Nothing is remembered, so
 * nothing has to be forgotten, and the token of an agent that was adopted is still good.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { errnoOf, messageOf, ReeveError } from '../errors.ts'
import { isSameSecret } from '../loopback.ts'

export const tokenFile = (home: string): string => path.join(home, 'token')

/** The token of the home (0600), made when there is none. To be called under the home's lock. */
export function homeToken(home: string): string {
  const file = tokenFile(home)
  try {
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      const token = randomBytes(32).toString('base64url')
      writeSync(fd, `${token}\n`)
      return token
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw unusable(file, messageOf(error), error)
    return readHomeToken(home)
  }
}

/** @throws ReeveError `home_unusable` when it is open to others, or says nothing */
export function readHomeToken(home: string): string {
  const file = tokenFile(home)
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    throw unusable(file, messageOf(error), error)
  }
  try {
    const { mode, uid } = fstatSync(fd)
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0)
      throw unusable(file, 'belongs to someone else, or is open to others')
    const token = readFileSync(fd, 'utf8').trim()
    if (token.length < 32) throw unusable(file, 'holds no token')
    return token
  } finally {
    closeSync(fd)
  }
}

const unusable = (file: string, why: string, cause?: unknown): ReeveError =>
  new ReeveError('home_unusable', `${file}: ${why}. Remove it: the next daemon makes another.`, {
    field: 'home',
    ...(cause !== undefined && { cause }),
  })

const seal = (home: string, agentId: string): string =>
  createHmac('sha256', home).update(`agent ${agentId}`).digest('base64url')

/** An id holds no dot, so that it can be told from its seal. */
export const agentToken = (home: string, agentId: string): string => `${agentId}.${seal(home, agentId)}`

export type Bearer = { readonly kind: 'home' } | { readonly kind: 'agent'; readonly agentId: string }

/** Whose token this is; `undefined` when it is nobody's. */
export function bearerOf(home: string, token: string): Bearer | undefined {
  if (isSameSecret(token, home)) return { kind: 'home' }
  const agentId = token.slice(0, token.indexOf('.'))
  return agentId !== '' && isSameSecret(token, agentToken(home, agentId))
    ? { kind: 'agent', agentId }
    : undefined
}
