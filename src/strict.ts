/** How input is held to a schema: durations at the door, and errors that name the field, the value and the way out. */
import * as z from 'zod'
import { HOW_TO_SAY_TIME, isDuration, notADuration, parseDuration } from './duration.ts'
import { ReeveError, shown } from './errors.ts'
import { isPlainObject } from './realms.ts'

export const duration = z
  .union([z.number(), z.string()], { error: notADuration })
  .refine(isDuration, { error: notADuration })

/** One of which 0 would make nonsense. */
export const positive = duration.refine((value) => parseDuration(value) > 0, {
  error: `must be more than 0. ${HOW_TO_SAY_TIME}`,
})

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
