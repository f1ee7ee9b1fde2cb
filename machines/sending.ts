/** Sending from within actor logic of one's own, so that an inspector can say who sent. */
import type { AnyActorRef, EventObject } from 'xstate'

interface Sender {
  readonly self: AnyActorRef
  readonly system: AnyActorRef['system']
}

type Relay = (source: AnyActorRef, target: AnyActorRef, event: EventObject) => void

/**
 * As `target.send(event)`, with its source: what XState's own logic does, by a function that its types do not name. A
 * release without it sends as well, and names nobody.
 */
export function sendFrom<T extends AnyActorRef>(
  { self, system }: Sender,
  target: T,
  event: Parameters<T['send']>[0],
): void {
  const { _relay } = system as { _relay?: Relay }
  if (_relay) _relay(self, target, event)
  else target.send(event)
}
