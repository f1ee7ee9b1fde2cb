/** `reeve/diagram`: the machines, an agent as it stands, and all that runs, as pictures. */
import { ReeveError } from '../errors.ts'
import { type Drawable, diagrams } from '../observe/diagram.ts'
import type { Reeve } from '../reeve.ts'
import { lifeDiagram } from './agent.ts'
import { svgOf } from './svg.ts'
import { systemDiagram } from './system.ts'
import { type DiagramFormat, FORMATS, MACHINES, SYSTEM } from './what-there-is.ts'

export { type DiagramFormat, FORMATS, formatOf, MACHINES, needsReeve, SYSTEM } from './what-there-is.ts'

export interface DiagramOptions {
  /** Default: `mermaid`, which GitHub draws by itself. `svg` is drawn in this process. */
  readonly format?: DiagramFormat
  /** Where agents are asked after: a supervisor, or a daemon's client. The machines by themselves need none. */
  readonly reeve?: Reeve
}

/**
 * The text of a picture. `agent`, `agent-detail` and `supervisor` are the machines; `system` is what runs now, up to 300
 * agents of it, those that are not `running` first; any other word is the id or name of an agent, whose machine is drawn
 * with its present state lit and the arrow by which it came. Names are cut at 40 characters.
 *
 * @throws ReeveError `invalid_spec`, `agent_not_found`, `registry_unavailable`, and what a client throws
 */
export async function diagram(what: string, options: DiagramOptions = {}): Promise<string> {
  const { format = 'mermaid', reeve } = options
  if (!FORMATS.includes(format)) throw invalid('format', `must be one of ${FORMATS.join(', ')}`, format)
  const drawable = await drawableOf(what, reeve)
  return format === 'svg' ? svgOf(drawable.dot) : drawable[format]
}

async function drawableOf(what: string, reeve: Reeve | undefined): Promise<Drawable> {
  const machine = diagrams().find(({ name }) => name === what)
  if (machine) return machine
  if (typeof what !== 'string' || what === '')
    throw invalid('what', `must be ${[...MACHINES, SYSTEM].join(', ')}, or an agent's id or name`, what)
  if (!reeve) throw invalid('reeve', 'must be a supervisor or a client, to draw what runs', reeve)
  return what === SYSTEM ? systemDiagram(reeve) : lifeDiagram(reeve, what)
}

const invalid = (field: string, rule: string, given: unknown): ReeveError =>
  new ReeveError('invalid_spec', `${field}: ${rule} (given: ${JSON.stringify(given) ?? String(given)})`, {
    field,
  })
