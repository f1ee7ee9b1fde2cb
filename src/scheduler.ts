/**
 * XState's own scheduler keeps every delayed event of a system in one object, and scans all of it whenever an actor
 * stops: the end of 10,000 agents takes seconds. This one is indexed by the actor that scheduled. It is put in the
 * place of the other, which is no public interface: a test fails when its shape changes.
 *
 * Most delays are limits for someone to be heard: to become ready, to give a sign of life, to be gone. One that ran out
 * while the event loop was held up says nothing of them: as with a heartbeat's deadline, what lies unread is read first.
 */
import type { AnyActorRef } from 'xstate'
import { type Clock, LATE_MS, type Timer } from './clock.ts'

/** The most that is given back of its lateness: reading what lies unread takes no longer. */
const GIVEN_BACK_MS = 100

type System = AnyActorRef['system']
type Scheduler = System['scheduler']
type Relay = (source: AnyActorRef, target: AnyActorRef, event: { type: string }) => void

/** Replaces the scheduler of the system that `root` begins. Call it before `root.start()`. */
export function useIndexedScheduler(root: AnyActorRef, clock: Clock): void {
  const system = root.system as System & { _relay: Relay }
  const bySource = new Map<AnyActorRef, Map<string, Timer>>()

  const forget = (source: AnyActorRef, id: string): Timer => {
    const own = bySource.get(source)
    const timer = own?.get(id)
    own?.delete(id)
    if (own?.size === 0) bySource.delete(source)
    return timer
  }
  const keep = (source: AnyActorRef, id: string, timer: Timer): void => {
    const own = bySource.get(source)
    if (own) own.set(id, timer)
    else bySource.set(source, new Map([[id, timer]]))
  }

  const scheduler: Scheduler = {
    schedule(source, target, event, delay, id = Math.random().toString(36).slice(2)) {
      scheduler.cancel(source, id)
      const dueMs = clock.now() + delay
      const fire = (): void => {
        forget(source, id)
        system._relay(source, target, event)
      }
      const due = (): void => {
        const lateMs = clock.now() - dueMs
        if (lateMs <= LATE_MS) fire()
        else keep(source, id, clock.setTimeout(fire, Math.min(lateMs, delay, GIVEN_BACK_MS)))
      }
      keep(source, id, clock.setTimeout(due, delay))
    },
    cancel(source, id) {
      const timer = forget(source, id)
      if (timer !== undefined) clock.clearTimeout(timer)
    },
    cancelAll(source) {
      for (const timer of bySource.get(source)?.values() ?? []) clock.clearTimeout(timer)
      bySource.delete(source)
    },
  }
  system.scheduler = scheduler
}
