/** A place in the log of one supervisor, as text. */
import { ReeveError } from './errors.ts'
import type { Place } from './registry/registry.ts'

/** `supervisorId:seq`. */
export const placeText = ({ supervisorId, seq }: Place): string => `${supervisorId}:${seq}`

/** @throws ReeveError `invalid_spec` */
export function readPlace(text: string): Place {
  const [, supervisorId, seq] = /^([A-Za-z0-9_-]{1,64}):(\d{1,15})$/.exec(text) ?? []
  if (supervisorId === undefined)
    throw new ReeveError(
      'invalid_spec',
      `since: ${JSON.stringify(text.slice(0, 80))} is no place in the log. Write "start", a number, or "supervisorId:seq" of the last entry you know.`,
      { field: 'since' },
    )
  return { supervisorId, seq: Number(seq) }
}
