/** A time span at the door, as text or a number; inside it is milliseconds. */
import ms from 'ms'
import { ReeveError, shown } from './errors.ts'

export const HOW_TO_SAY_TIME = 'Write a number of milliseconds, or text like "90s", "15m", "2h".'

export function parseDuration(value: string | number): number {
  if (typeof value === 'number') return value
  const parsed = value.trim() === '' || value.length > 100 ? Number.NaN : ms(value as ms.StringValue)
  return typeof parsed === 'number' ? parsed : Number.NaN
}

export const isDuration = (value: string | number): boolean => {
  const parsed = parseDuration(value)
  return Number.isFinite(parsed) && parsed >= 0
}

/** A time span at the door: milliseconds, or text that `ms` understands. Never negative. Inside it is `…Ms`. */
export type Duration = number | string

export const notADuration = (issue: { input?: unknown }) =>
  `${shown(issue.input)} is not a duration. ${HOW_TO_SAY_TIME}`

/** Reads a duration that has passed the schema, or one given to a method; `field` names it in the error. */
export function durationMs(value: Duration, field: string): number {
  if ((typeof value === 'number' || typeof value === 'string') && isDuration(value))
    return parseDuration(value)
  throw new ReeveError('invalid_spec', `${field}: ${notADuration({ input: value })}`, { field })
}
