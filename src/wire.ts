/**
 * Between here and every wire (HTTP, SSE, `--json`, MCP): keys are the JavaScript names in snake_case, mechanically;
 * what stands inside `env`, `labels` and `said` stays as it is. Lists are bare arrays, errors have one shape.
 */
import type { z } from 'zod'
import { ERRORS, type ErrorCode, messageOf, ReeveError } from './errors.ts'
import { camelCased, isOpaque, snakeCased, snakeKey, snakePath } from './snake-case.ts'
import { parseStrictly } from './strict.ts'

/** Deeper than anything that means something. */
const MAX_DEPTH = 64

/** A failure, on every wire. */
export interface WireError {
  readonly success: false
  readonly error: ErrorCode
  readonly message: string
  readonly agent_id?: string
  readonly field?: string
  readonly errno?: string
  readonly record?: unknown
}

/** A record, an entry, a result, as it is written to a wire. */
export const toWire = (value: unknown): unknown => snakeCased(value)

/** The way back, of what a Reeve wrote. */
export const fromWire = <T>(value: unknown): T => camelCased(value) as T

/** Whatever was thrown, as it is written to a wire. What is no ReeveError is a fault of ours: `internal`. */
export function wireError(thrown: unknown): WireError {
  if (!(thrown instanceof ReeveError))
    return { success: false, error: 'internal', message: messageOf(thrown) }
  const { code, message, agentId, field, errno, record } = thrown
  return {
    success: false,
    error: code,
    message,
    ...(agentId !== undefined && { agent_id: agentId }),
    ...(field !== undefined && { field }),
    ...(errno !== undefined && { errno }),
    ...(record !== undefined && { record: toWire(record) }),
  }
}

/** Whether something read from a wire is an error in the one shape. */
export const isWireError = (value: unknown): value is WireError =>
  typeof value === 'object' &&
  value !== null &&
  (value as Partial<WireError>).success === false &&
  'error' in value

/** The error that another Reeve wrote. A code that this version does not know is told as `internal`, and named. */
export function errorFromWire({ error, message, agent_id, field, errno, record }: WireError): ReeveError {
  const known = Object.hasOwn(ERRORS, error)
  return new ReeveError(known ? error : 'internal', known ? message : `${error}: ${message}`, {
    ...(agent_id !== undefined && { agentId: agent_id }),
    ...(field !== undefined && { field }),
    ...(errno !== undefined && { errno }),
    ...(record !== undefined && { record: fromWire(record) }),
  })
}

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
