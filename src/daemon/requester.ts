/** Who asks: said by a token, recorded beside what was asked. Tokens attribute; they do not confine. */
import { ReeveError } from '../errors.ts'

/** `agent`: the name of the agent whose token came along; absent for a person, or a program of theirs. */
export interface Requester {
  readonly agent?: string
}

/**
 * The spawner that is recorded is who asked. Who asks for someone else (a dashboard, for its user) says for whom; an
 * agent speaks for itself.
 *
 * @throws ReeveError `invalid_spec`
 */
export function spawnerFor({ agent }: Requester, said: string | undefined): string | undefined {
  if (agent === undefined) return said
  if (said !== undefined && said !== agent)
    throw new ReeveError(
      'invalid_spec',
      `spawner: ${JSON.stringify(said)} is not who asks: the token is that of ${agent}. Leave it out.`,
      { field: 'spawner' },
    )
  return agent
}

type Said<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** What was asked, without what was left out, and with who asks: recorded in `reason.by`. */
export function signed<T extends { by?: string | undefined }>(
  { agent }: Requester,
  options: T | undefined,
): Said<T> {
  const said = Object.entries({ by: agent, ...options }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as Said<T>
}
