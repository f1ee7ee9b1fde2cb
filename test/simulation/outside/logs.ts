/** Logs of the simulated machine: they grow, are dated by the wall clock, and are read along with. */
import type { Outside } from '../../../src/outside.ts'
import type { Dice } from '../dice.ts'
import type { Party, Time } from '../time.ts'

interface Log {
  size: number
  changedAtWallMs: number
  readonly lines: { readonly endsAt: number; readonly text: string }[]
}

const POLL_MS = 200

export class LogFiles {
  readonly #logs = new Map<string, Log>()
  readonly #time: Time
  readonly #dice: Dice
  readonly #reader: Party

  constructor(time: Time, dice: Dice, reader: Party) {
    this.#time = time
    this.#dice = dice
    this.#reader = reader
  }

  write(path: string, text: string): void {
    const log = this.#logs.get(path) ?? { size: 0, changedAtWallMs: 0, lines: [] }
    this.#logs.set(path, log)
    log.size += text.length + 1
    log.changedAtWallMs = this.#reader.clock.wallNow()
    log.lines.push({ endsAt: log.size, text })
  }

  readonly size: Outside['logSize'] = (path) => this.#logs.get(path)?.size ?? 0

  readonly look: Outside['logLook'] = (path, clock) => {
    const log = this.#logs.get(path)
    const seen = log
      ? { size: log.size, ageMs: clock.wallNow() - log.changedAtWallMs }
      : { size: 0, ageMs: undefined }
    // A disk that does not answer: the look has a limit.
    const ms = this.#dice.chance(0.02) ? 10_000 : this.#dice.between(0, 2)
    return new Promise((resolve) => {
      this.#time.physical.setTimeout(() => this.#reader.deliver(() => resolve(seen)), ms)
    })
  }

  readonly read: Outside['readLog'] = (path, { from = 'start', follow = false, until = () => false, clock }) => {
    const logs = this.#logs
    const fails = this.#dice.chance(0.03)
    let position = from === 'start' ? 0 : from === 'end' ? this.size(path) : from
    let over = false
    let wake = (): void => {}
    const wait = () =>
      new Promise<void>((resolve) => {
        const timer = clock?.setTimeout(resolve, POLL_MS)
        wake = () => {
          clock?.clearTimeout(timer)
          resolve()
        }
      })
    const next = async (): Promise<IteratorResult<string, undefined>> => {
      while (!over) {
        if (fails) throw new Error('EIO, simulated')
        const line = logs.get(path)?.lines.find(({ endsAt }) => endsAt > position)
        if (line) {
          position = line.endsAt
          return { done: false, value: line.text }
        }
        if (!follow || until()) break
        await wait()
      }
      return { done: true, value: undefined }
    }
    const iterator: AsyncIterableIterator<string> = {
      [Symbol.asyncIterator]: () => iterator,
      next,
      return: async () => {
        over = true
        wake()
        return { done: true, value: undefined }
      },
    }
    return iterator
  }
}
