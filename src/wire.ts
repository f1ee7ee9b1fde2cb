/**
 * Between here and every wire (HTTP, SSE, `--json`, MCP): keys are the JavaScript names in snake_case, mechanically;
 * what stands inside `env`, `labels` and `said` stays as it is. Lists are bare arrays, errors have one shape.
 */
import { ERRORS, type ErrorCode, messageOf, ReeveError } from './errors.ts'
import { camelCased, snakeCased } from './snake-case.ts'

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
