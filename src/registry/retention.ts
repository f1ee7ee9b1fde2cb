/** How long what has ended is kept. */
import ms from 'ms'
import { ReeveError } from '../errors.ts'

/**
 * `ended`: how long an agent that has ended stays on record, with its entries: text like `'7d'`, or milliseconds.
 * `false` keeps everything, for ever.
 */
export type Retention = false | { readonly ended: number | string }

/**
 * The time in milliseconds, `null` for ever. Default 7 days.
 *
 * @throws ReeveError `invalid_spec`
 */
export function retentionMsOf(retention: Retention = { ended: '7d' }): number | null {
  if (retention === false) return null
  const ended: unknown = (retention as { ended?: unknown } | null)?.ended
  const parsed = typeof ended === 'string' && ended.trim() !== '' ? ms(ended as ms.StringValue) : ended
  if (typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0) return parsed
  throw new ReeveError(
    'invalid_spec',
    `retention.ended: ${JSON.stringify(ended)} is not a duration. Write text like "7d" or "12h", a number of milliseconds, or retention: false.`,
    { field: 'retention.ended' },
  )
}

/** Whoever ended before this moment is no longer kept: ISO 8601, UTC, as entries are dated. */
export const cutoffOf = (nowMs: number, retentionMs: number): string =>
  new Date(Math.max(0, nowMs - retentionMs)).toISOString()
