/** Narrowing a listing in a query: `?task=T-1&state=running&label=team=a`. */
import * as z from 'zod'
import { STATES } from '../../machines/events.ts'
import type { RecordFilter } from '../registry/record.ts'
import { several } from './route.ts'

const text = z.string().min(1)

export const filterQuery = {
  id: text.optional(),
  name: text.optional(),
  state: several(z.enum(STATES, `must be one or more of ${STATES.join(', ')}`)).optional(),
  group: text.optional(),
  lane: text.optional(),
  task: text.optional(),
  spawner: text.optional(),
  label: several(z.string().regex(/^[^=]+=/, 'must be name=value'))
    .optional()
    .meta({ description: 'name=value; repeat it for several, which all have to match' }),
} as const

const filterQuerySchema = z.object(filterQuery)

export function filterOf({ label, ...rest }: z.output<typeof filterQuerySchema>): RecordFilter {
  const given = Object.entries(rest).filter(([key, value]) => key in filterQuery && value !== undefined)
  const labels = label?.map((each): [string, string] => {
    const at = each.indexOf('=')
    return [each.slice(0, at), each.slice(at + 1)]
  })
  return { ...Object.fromEntries(given), ...(labels && { labels: Object.fromEntries(labels) }) }
}
