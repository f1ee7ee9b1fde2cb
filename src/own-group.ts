/** A group spawns its own members: what a specification says of another one is refused. */
import { ReeveError } from './errors.ts'

/** @throws ReeveError `invalid_spec` */
export function refuseOtherGroup(said: string | undefined, path: string | undefined): void {
  if (said === undefined || said === path) return
  throw new ReeveError(
    'invalid_spec',
    `group: ${JSON.stringify(said)} is not the group it is spawned in, ${JSON.stringify(path)}. Leave it out.`,
    { field: 'group' },
  )
}
