/** What follows an end, with faults put in on purpose. */
export * from '../../../machines/following.ts'

import { Following as RealFollowing } from '../../../machines/following.ts'
import type { Children } from '../../../machines/members.ts'
import { isBroken } from '../here.ts'

export class Following extends RealFollowing {
  readonly #children: Children

  constructor(...args: ConstructorParameters<typeof RealFollowing>) {
    super(...args)
    this.#children = args[0].children
  }

  override decide(...args: Parameters<RealFollowing['decide']>): ReturnType<RealFollowing['decide']> {
    if (isBroken('intensity-each')) this.#children.restartsMs = args[0].history.restartsMs
    return super.decide(...args)
  }
}
