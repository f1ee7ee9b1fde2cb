/** What came from outside, held to a schema. Apart from the rest of the wire: a client only writes, and needs no schemas. */
import type * as z from 'zod'
import { ReeveError } from './errors.ts'
import { camelCased, isOpaque, snakeKey, snakePath } from './snake-case.ts'
import { parseStrictly } from './strict.ts'

/** Deeper than anything that means something. */
const MAX_DEPTH = 64

/**
 * Holds what came from outside to a schema that is written in JavaScript's names. The error names the field as it is
 * written on the wire; a key in another spelling is unknown.
 *
 * @throws ReeveError `invalid_spec`
 */
export function readWire<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  refuseForeignKeys(value, what, [])
  try {
    return parseStrictly(schema, camelCased(value), what)
  } catch (error) {
    throw error instanceof ReeveError ? inWireNames(error) : error
  }
}

function inWireNames(error: ReeveError): ReeveError {
  const { field, message, code } = error
  if (field === undefined || field === snakePath(field)) return error
  const said = message.startsWith(field) ? snakePath(field) + message.slice(field.length) : message
  return new ReeveError(code, said, { field: snakePath(field), cause: error })
}

function refuseForeignKeys(value: unknown, what: string, path: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return
  if (path.length >= MAX_DEPTH)
    throw new ReeveError('invalid_spec', `${path[0]}: is nested more than ${MAX_DEPTH} deep`, {
      field: path[0] as string,
    })
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key]
    const own = Array.isArray(value)
    if (!own && snakeKey(key) !== key) {
      const field = at.join('.')
      const message = `${field}: no such field in ${path.join('.') || what}. On the wire names are in snake_case: ${snakeKey(key)}.`
      throw new ReeveError('invalid_spec', message, { field })
    }
    if (own || !isOpaque(key)) refuseForeignKeys(inner, what, at)
  }
}
