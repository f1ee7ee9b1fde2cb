/**
 * The words in which an agent speaks of itself: one line, a bare word or a JSON object with a `type`.
 * One schema; what comes in by file and what comes in by call is held to the same.
 */
import * as z from 'zod'
import { type Activity, WAITING_ON } from '../../machines/events.ts'

/** The longest `message`, in bytes; what is longer is cut, not refused: the report matters more than its words. */
export const MAX_MESSAGE_BYTES = 1024

/** Of a value that a message shows, in characters. */
const MAX_SHOWN = 80

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/

const duration = z.union(
  [
    z.number(),
    z
      .string()
      .regex(DURATION)
      .transform((text) => {
        const [, amount, unit] = DURATION.exec(text) ?? []
        return Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]
      }),
  ],
  'must be a duration such as "90s" or "10m", or milliseconds',
)

/** ISO 8601. Without a zone it is taken as UTC, as most agents mean it; kept as UTC with a `Z`. */
const instant = z.iso
  .datetime({ offset: true, local: true })
  .transform((text) => new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`))
  .refine((date) => Number.isFinite(date.getTime()), 'no such moment')
  .transform((date) => date.toISOString())

/** The most that one `extend` asks for; whoever needs longer asks again. */
export const MAX_EXTEND_MS = 24 * UNIT_MS.h

const message = z.string().transform((text) => cut(text, MAX_MESSAGE_BYTES))
/** Bounded, so that no single report spoils the sum. */
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional()
const money = z.number().nonnegative().max(1e9).optional()

export const reportSchema = z.discriminatedUnion('type', [
  /** Initialised: ends `pre_starting` where the spec says `ready: {report: true}`. */
  z.object({ type: z.literal('ready') }),
  /** Alive. */
  z.object({ type: z.literal('beat') }),
  /** Busy: heartbeats are due. */
  z.object({ type: z.literal('working') }),
  /** Nothing to do: holds the heartbeat deadline. */
  z.object({ type: z.literal('idle') }),
  /** Held up by someone else: holds the heartbeat deadline. */
  z.object({
    type: z.literal('waiting'),
    on: z.enum(WAITING_ON),
    until: instant.optional(),
    message: message.optional(),
  }),
  /** Used since the last such report; added up and held against the budget. */
  z.object({ type: z.literal('usage'), turns: count, tokens: count, usd: money }),
  /** Asks for time, from now on: to become ready, or until its next sign of life is due. More than a day is a day. */
  z.object({
    type: z.literal('extend'),
    by: duration.refine((ms) => ms > 0, 'must be more than 0').transform((ms) => Math.min(ms, MAX_EXTEND_MS)),
  }),
  /** Is about to end by itself. */
  z.object({ type: z.literal('stopping'), message: message.optional() }),
  /** What came of its work: any JSON. */
  z.object({ type: z.literal('result'), value: z.unknown() }),
])

export type Report = z.output<typeof reportSchema>
export type ParsedReport = { readonly ok: Report } | { readonly malformed: string }

/** Bare words are most of the traffic: no schema, no allocation. */
const BARE = new Map<string, ParsedReport>(
  (['ready', 'beat', 'working', 'idle', 'stopping', 'usage'] as const).map((type) => [
    type,
    Object.freeze({ ok: Object.freeze({ type }) }),
  ]),
)

/** Reads one line, without its newline. Never throws; `malformed` says what is wrong, in a few words. */
export function parseReport(line: string): ParsedReport {
  const bare = BARE.get(line)
  if (bare !== undefined) return bare
  const text = line.trim()
  if (!text.startsWith('{')) return BARE.get(text) ?? checkReport({ type: text.slice(0, 40) })
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch {
    return { malformed: 'not valid JSON' }
  }
  return checkReport(said)
}

/** Holds a value, as it comes from a call or from JSON, to the schema. */
export function checkReport(said: unknown): ParsedReport {
  const checked = reportSchema.safeParse(said)
  if (checked.success) return { ok: checked.data }
  const [issue] = checked.error.issues
  if (issue === undefined) return { malformed: 'not a report' }
  if (issue.path[0] === 'type')
    return { malformed: `unknown type ${JSON.stringify(typeOf(said))}: must be one of ${TYPES.join(', ')}` }
  return { malformed: `${issue.path.join('.') || 'report'}: ${issue.message}${given(said, issue.path)}` }
}

/** The activity that a report tells; `undefined` for the others. */
export function activityOf(report: Report): Activity | undefined {
  if (report.type === 'idle' || report.type === 'working') return { kind: report.type }
  if (report.type !== 'waiting') return undefined
  const { on, until, message } = report
  return {
    kind: 'waiting',
    on,
    ...(until === undefined ? {} : { until }),
    ...(message === undefined ? {} : { message }),
  }
}

const TYPES = reportSchema.options.map(({ shape }) => shape.type.value)

/** What stands there, as JSON, and not too long. What is missing is not shown. */
function given(said: unknown, path: readonly PropertyKey[]): string {
  const value = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], said)
  const text = JSON.stringify(value)
  if (text === undefined) return ''
  return ` (given: ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text})`
}

const typeOf = (said: unknown): string => String((said as { type?: unknown }).type).slice(0, 40)

/** At most this many bytes of UTF-8, ending at a character. */
function cut(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  let end = maxBytes
  // 10xxxxxx goes on with a character that began before.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
