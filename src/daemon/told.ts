/** Warnings and sink errors as they come, for one who reads along, until the supervisor stops. */
import type { Warning } from '../listeners.ts'
import type { SinkFailure } from '../registry/journal.ts'
import type { Supervisor } from '../supervisor.ts'

export type Told = readonly ['warning', Warning] | readonly ['sink-error', SinkFailure]

/** For one who is slower than they come: the oldest give way. */
const MAX_WAITING = 100

export async function* toldBy(reeve: Supervisor, signal: AbortSignal): AsyncGenerator<Told, void, void> {
  const waiting: Told[] = []
  let wake: () => void = () => {}
  const tell = (told: Told) => {
    waiting.push(told)
    if (waiting.length > MAX_WAITING) waiting.shift()
    wake()
  }
  const offs = [
    reeve.on('warning', (warning) => tell(['warning', warning])),
    reeve.on('sink-error', (failure) => tell(['sink-error', failure])),
  ]
  let over = false
  const end = () => {
    over = true
    wake()
  }
  signal.addEventListener('abort', end, { once: true })
  const root = reeve.actor.subscribe({ complete: end, error: end })
  if (signal.aborted || reeve.actor.getSnapshot().status !== 'active') over = true
  try {
    while (!over) {
      const told = waiting.shift()
      if (told) yield told
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', end)
    root.unsubscribe()
    for (const off of offs) off()
  }
}
