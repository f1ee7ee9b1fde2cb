/** For `createSupervisor({ inspect })`: an inspector that is there from the first actor on. */
import type { AnyActorRef, InspectionEvent, Observer } from 'xstate'
import { Deferred } from '../../deferred.ts'
import { messageOf } from '../../errors.ts'
import { inspected } from '../inspection/inspection.ts'
import { type InspectorOptions, type OpenInspector, serve } from './open-inspector.ts'

export interface StatelyInspectorOptions extends InspectorOptions {
  /** Told where to look, or why nobody can. Default: a line on stderr. */
  readonly tell?: (line: string) => void
}

export interface StatelyInspector extends Observer<InspectionEvent> {
  next(event: InspectionEvent): void
  /** Once the supervisor has been created. Rejects with `inspector_failed`. */
  readonly opened: Promise<OpenInspector>
  close(): Promise<void>
}

/**
 * Serves the Stately inspector's page and protocol on 127.0.0.1 for as long as the supervisor runs, and says where. While
 * nobody looks nothing is converted.
 */
export function statelyInspector(options: StatelyInspectorOptions = {}): StatelyInspector {
  const { tell = (line: string) => process.stderr.write(`${line}\n`), ...rest } = options
  const opened = new Deferred<OpenInspector>()
  let over = false
  let begun = false

  async function begin(root: AnyActorRef): Promise<void> {
    try {
      const inspector = await serve(
        { inspected: { inspection: (how) => inspected(root, how) } },
        rest,
        '/stately',
      )
      opened.resolve(inspector)
      if (over) return inspector.close()
      tell(`Stately inspector: ${inspector.url}`)
      const end = () => void close()
      root.subscribe({ complete: end, error: end })
    } catch (cause) {
      tell(messageOf(cause))
      opened.reject(cause)
    }
  }

  async function close(): Promise<void> {
    over = true
    if (!begun) return
    // One that could not be opened said so.
    const inspector = await opened.promise.catch(() => undefined)
    await inspector?.close()
  }

  return {
    opened: opened.promise,
    close,
    next({ type, actorRef, rootId }) {
      if (begun || over || type !== '@xstate.actor' || actorRef.sessionId !== rootId) return
      begun = true
      // It is being made at this moment.
      queueMicrotask(() => void begin(actorRef as AnyActorRef))
    },
  }
}
