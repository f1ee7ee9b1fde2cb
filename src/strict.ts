/** How input is held to a schema: durations at the door, and errors that name the field, the value and the way out. */
import { inspect } from 'node:util'
import ms from 'ms'
import { z } from 'zod'
import { ReeveError } from './errors.ts'
import { isPlainObject } from './realms.ts'

const HOW_TO_SAY_TIME = 'Write a number of milliseconds, or text like "90s", "15m", "2h".'

/** A value as an error shows it: on one line, and not too long. */
export const shown = (value: unknown): string => {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function parseDuration(value: string | number): number {
  if (typeof value === 'number') return value
  const parsed = value.trim() === '' || value.length > 100 ? Number.NaN : ms(value as ms.StringValue)
  return typeof parsed === 'number' ? parsed : Number.NaN
}

const isDuration = (value: string | number): boolean => {
  const parsed = parseDuration(value)
  return Number.isFinite(parsed) && parsed >= 0
}

/** A time span at the door: milliseconds, or text that `ms` understands. Never negative. Inside it is `…Ms`. */
export type Duration = number | string

const notADuration = (issue: { input?: unknown }) =>
  `${shown(issue.input)} is not a duration. ${HOW_TO_SAY_TIME}`

export const duration = z
  .union([z.number(), z.string()], { error: notADuration })
  .refine(isDuration, { error: notADuration })

/** One of which 0 would make nonsense. */
export const positive = duration.refine((value) => parseDuration(value) > 0, {
  error: `must be more than 0. ${HOW_TO_SAY_TIME}`,
})

/** Reads a duration that has passed the schema, or one given to a method; `field` names it in the error. */
export function durationMs(value: Duration, field: string): number {
  if ((typeof value === 'number' || typeof value === 'string') && isDuration(value))
    return parseDuration(value)
  throw new ReeveError('invalid_spec', `${field}: ${notADuration({ input: value })}`, { field })
}

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  /** Of a choice: what there is to choose from. */
  readonly values?: readonly unknown[]
  /** Of a union: the issues of each branch. */
  readonly errors?: readonly (readonly Issue[])[]
  /** Of a record's key: what is wrong with it. */
  readonly issues?: readonly Issue[]
}

/** Of words that are known: which. */
const messageFor = ({ code, values, message }: Issue): string =>
  code === 'invalid_value' && values && message.startsWith('Invalid ')
    ? `must be ${values.length > 1 ? 'one of ' : ''}${values.map(shown).join(', ')}`
    : message

/** Of a union's branches, the one that came furthest is what the caller meant. */
function innermost(issue: Issue): Issue {
  if (issue.code === 'invalid_key' && issue.issues?.[0]) return { ...issue.issues[0], path: issue.path }
  if (issue.code !== 'invalid_union' || !issue.errors?.length) return issue
  const depth = (branch: readonly Issue[]) =>
    Math.max(...branch.map((each) => each.path.length + (each.code === 'unrecognized_keys' ? 1 : 0)))
  const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]?.[0]
  const words = issue.errors.flat().find(({ code, path }) => code === 'invalid_value' && path.length === 0)
  const atItsDoor = best?.path.length === 0 && (best.code === 'invalid_type' || best.code === 'invalid_value')
  if (!best || atItsDoor)
    return words && issue.message === 'Invalid input' ? { ...words, path: issue.path } : issue
  return innermost({ ...best, path: [...issue.path, ...best.path] })
}

/**
 * Validates against a schema; the error names the field, the value and the way out. Values of `env` are never shown.
 * `prefix` stands before the field, where the value is itself a part of something.
 *
 * @throws ReeveError `invalid_spec`
 */
export function parseStrictly<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  prefix = '',
): z.output<S> {
  // Of an instance (a handle, a Map) no field may be seen, and none asked for is everything asked for.
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlainObject(value))
    throw new ReeveError('invalid_spec', `${what}: must be a plain object (given: ${shown(value)})`, {
      field: what,
    })
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  const issue = innermost(result.error.issues[0] as Issue)
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const field = prefix + [...issue.path, issue.keys?.[0] ?? ''].join('.')
    throw new ReeveError('invalid_spec', `${field}: no such field in ${path === '' ? what : path}.`, {
      field,
    })
  }
  const given = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  )
  const message = messageFor(issue)
  const hidden = issue.path[0] === 'env' || message.includes(shown(given))
  const field = path === '' ? what : prefix + path
  throw new ReeveError('invalid_spec', `${field}: ${message}${hidden ? '' : ` (given: ${shown(given)})`}`, {
    field,
  })
}
