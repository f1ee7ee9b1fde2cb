/** What is tried, and what a case of the suite is. */
import type { Registry } from '../registry.ts'

/** A registry to be tried. `Registry.open()` has been called on whatever these return. */
export interface ContractSubject {
  /** A registry over a new, empty place. Called once for each case. */
  open(): Promise<Registry>
  /** Closes this one and opens another over the same place. Leave it out when nothing outlives the registry. */
  reopen?(registry: Registry): Promise<Registry>
  /** A second one over the same place, while the first is open. It may reject with a `ReeveError`. */
  beside?(registry: Registry): Promise<Registry>
  /** Makes every append fail from now on, in whatever way it can fail for real; what it returns makes an end of that. */
  fail?(registry: Registry): Promise<() => Promise<void>>
}

/** A case within: handed a registry that is open and empty; the parts of the subject that it needs are there. */
export interface Case {
  readonly title: string
  readonly needs?: readonly ('reopen' | 'beside' | 'fail')[]
  run(registry: Registry, subject: Required<ContractSubject>): Promise<void>
}
