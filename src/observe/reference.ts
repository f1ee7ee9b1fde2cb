/** The tables of the README, made from the schemas, the defaults and the errors themselves. */
import * as z from 'zod'

export interface ReferenceOptions {
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Defaults that are found when they are needed, in words, by field. */
  readonly computed?: Readonly<Record<string, string>>
}

type Field = z.core.$ZodType

/** A row for each field of a strict schema: its name, its default, what it means. */
export function optionTable(schema: z.ZodObject, options: ReferenceOptions = {}): string {
  const fields = Object.entries(schema.shape)
  const names = new Set(Object.keys(schema.shape))
  const row = ([name, field]: [string, Field]) => [
    `\`${name}\``,
    [defaultOf(name, field, options), ...limitOf(name, names, options)].join(', '),
    meaningOf(name, field),
  ]
  return table(['field', 'default', 'meaning'], fields.map(row))
}

function defaultOf(name: string, field: Field, { defaults = {}, computed = {} }: ReferenceOptions): string {
  const said = z.globalRegistry.get(field)?.default
  if (typeof said === 'string') return said
  if (!(field instanceof z.ZodOptional)) return 'required'
  return name in defaults ? code(defaults[name]) : (computed[name] ?? 'none')
}

/** Defaults of a part of a field, which stand beside the field's: `readyTimeout` and `readyProbe` for `ready`. */
function limitOf(name: string, names: ReadonlySet<string>, { defaults = {} }: ReferenceOptions): string[] {
  return ['Timeout', 'Probe']
    .filter((part) => `${name}${part}` in defaults && !names.has(`${name}${part}`))
    .map((part) => `\`${part.toLowerCase()}: ${literal(defaults[`${name}${part}`])}\``)
}

function meaningOf(name: string, field: Field): string {
  const description = z.globalRegistry.get(field)?.description
  if (description === undefined) throw new Error(`the field "${name}" has no description`)
  return description
}

/** A row for each code. */
export const errorTable = (errors: Readonly<Record<string, string>>): string =>
  table(
    ['code', 'meaning'],
    Object.entries(errors).map(([name, meaning]) => [`\`${name}\``, meaning]),
  )

const code = (value: unknown): string => `\`${literal(value)}\``

/** A value as one would write it in a program. */
export function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = Object.entries(value).map(([key, inner]) => `${key}: ${literal(inner)}`)
  return `{ ${entries.join(', ')} }`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** Puts each text between `<!-- name:begin -->` and `<!-- name:end -->`. Throws where a pair is missing. */
export function fill(page: string, sections: Readonly<Record<string, string>>): string {
  let filled = page
  for (const [name, text] of Object.entries(sections)) {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
    const [from, to] = [filled.indexOf(begin), filled.indexOf(end)]
    if (from === -1 || to < from) throw new Error(`the page has no "${begin}" followed by "${end}"`)
    filled = `${filled.slice(0, from + begin.length)}\n${text}\n${filled.slice(to)}`
  }
  return filled
}
