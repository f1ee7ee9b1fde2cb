/** How a caller writes a question to an agent, in `ready` and elsewhere, and what is made of it. */
import * as z from 'zod'
import { type Duration, durationMs } from './duration.ts'
import { shown } from './errors.ts'
import { duration, positive } from './strict.ts'

const timing = { every: duration.optional(), timeout: positive.optional() }

const portNumber = z
  .number('must be a port: a whole number from 1 to 65535')
  .int('must be a port: a whole number from 1 to 65535')
  .min(1, 'must be a port: a whole number from 1 to 65535')
  .max(65_535, 'must be a port: a whole number from 1 to 65535')

const address = z.string().refine(isAddress, {
  error: (issue) =>
    `${shown(issue.input)} is no address. Write one like "http://127.0.0.1:3000/health"; http and https are known.`,
})

function isAddress(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}

export const noNul = (text: string): boolean => !text.includes('\0')

export const argv = z
  .array(z.string().refine(noNul, 'must hold no NUL'), {
    error: (issue) =>
      `${shown(issue.input)} is not an argv. Write an array, like ["node", "agent.js"]; no shell is involved.`,
  })
  .min(1, 'must name at least the program')
  .refine(([program]) => program !== '', 'must name a program')
  .readonly()

/** One of these, and nothing beside it. */
export const probeFields = {
  port: z
    .union(
      [portNumber, z.strictObject({ port: portNumber, host: z.string().min(1).optional(), ...timing })],
      'must be a port, or {port, host, every, timeout}',
    )
    .optional(),
  http: z
    .union(
      [address, z.strictObject({ url: address, ...timing })],
      'must be an address like "http://127.0.0.1:3000/health", or {url, every, timeout}',
    )
    .optional(),
  exec: z
    .union([argv, z.strictObject({ command: argv, ...timing })], {
      error: 'must be an argv like ["pg_isready", "-q"], or {command, every, timeout}',
    })
    .optional(),
}

const probe = z.strictObject(probeFields)
type ProbeSpec = z.input<typeof probe>

const FAILURES = 'must be how many in a row: a whole number from 1 to 1000'

/** Asked as long as it runs. */
export const livenessFields = {
  ...probeFields,
  failures: z.number(FAILURES).int(FAILURES).min(1, FAILURES).max(1000, FAILURES).optional(),
}

/** Serialisable: what it takes to ask. */
export type ProbePlan = (
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'exec'; readonly command: readonly [string, ...string[]] }
) & { readonly everyMs: number; readonly timeoutMs: number }

export interface ProbeTiming {
  readonly every: string
  readonly timeout: string
}

/** What was asked for, with defaults laid under it; `undefined` when it names no probe. */
export function probePlanOf(spec: ProbeSpec, defaults: ProbeTiming, field: string): ProbePlan | undefined {
  const { port, http, exec } = spec
  const given = port ?? http ?? exec
  if (given === undefined) return undefined
  const timed: { every?: Duration | undefined; timeout?: Duration | undefined } =
    typeof given === 'object' && !('length' in given) ? given : {}
  const times = {
    everyMs: durationMs(timed.every ?? defaults.every, `${field}.every`),
    timeoutMs: durationMs(timed.timeout ?? defaults.timeout, `${field}.timeout`),
  }
  if (port !== undefined) {
    const where = typeof port === 'number' ? { port } : port
    return { kind: 'port', host: where.host ?? '127.0.0.1', port: where.port, ...times }
  }
  if (exec !== undefined) {
    const command = 'command' in exec ? exec.command : exec
    return { kind: 'exec', command: [...command] as [string, ...string[]], ...times }
  }
  const { url } = typeof http === 'string' ? { url: http } : (http as { url: string })
  return { kind: 'http', url, ...times }
}
