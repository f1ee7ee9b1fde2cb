/** Who may ask. On the Unix socket: the user, whose file it is. On TCP: whoever has the token and comes by our own name. */
import { ReeveError } from '../errors.ts'
import { bearerIn, type CameBy, refuseForeign } from '../loopback.ts'
import type { Supervisor } from '../supervisor.ts'
import type { Requester } from './requester.ts'
import { bearerOf } from './tokens.ts'

/** Where a request came in. */
export interface Door {
  /** Of the listener on TCP, known once it listens; `null`: a Unix socket. */
  port: number | null
}

export interface Asking extends CameBy {
  readonly authorization: string | undefined
}

/**
 * On TCP the token, the Host and the Origin have to be ours.
 *
 * @throws ReeveError `unauthorized`, `forbidden`
 */
export function admitted(door: Door, asking: Asking, token: string, reeve: Supervisor): Requester {
  if (door.port !== null) refuseForeign(door.port, asking)
  const given = bearerIn(asking.authorization)
  if (given === undefined) {
    if (asking.authorization !== undefined) throw unauthorized('the Authorization is no "Bearer TOKEN"')
    if (door.port !== null)
      throw unauthorized(
        'a token is required here: "Authorization: Bearer TOKEN", with what the file "token" in the home says',
      )
    return {}
  }
  const bearer = bearerOf(token, given)
  if (!bearer) throw unauthorized('this token is nobody’s')
  if (bearer.kind === 'home') return {}
  if (door.port !== null) throw unauthorized('on TCP the token of the home is required, not that of an agent')
  const agent = reeve.get(bearer.agentId)
  if (!agent) throw unauthorized('the agent of this token is not known any more')
  return { agent: agent.name }
}

const unauthorized = (why: string): ReeveError => new ReeveError('unauthorized', why)
