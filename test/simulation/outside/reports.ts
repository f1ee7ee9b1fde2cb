/** Report files of the simulated machine. What tells of a change may come late or never; a look finds it. */
import { type LifeAddress, lifeKey } from '../../../machines/events.ts'
import { parseReport } from '../../../src/health/report.ts'
import type { Outside } from '../../../src/outside.ts'
import type { Dice } from '../dice.ts'
import type { Party, Time } from '../time.ts'

type Options = Parameters<Outside['openReports']>[0]
type Channel = ReturnType<Outside['openReports']>

const SWEEP_MS = 1_000

interface Tracked {
  readonly life: LifeAddress
  offset: number
  reading: boolean
}

export class ReportFiles {
  /** By path: what stands in the file. */
  readonly #files = new Map<string, string[]>()
  readonly #time: Time
  readonly #dice: Dice
  readonly #reader: Party
  #changed: (path: string) => void = () => {}

  constructor(time: Time, dice: Dice, reader: Party) {
    this.#time = time
    this.#dice = dice
    this.#reader = reader
  }

  /** An agent appends a line. Says whether there is anyone to read it. */
  write(path: string | null, line: string): boolean {
    const file = path === null ? undefined : this.#files.get(path)
    if (!file || path === null) return false
    file.push(line)
    if (this.#dice.chance(0.85))
      this.#time.physical.setTimeout(
        () => this.#reader.deliver(() => this.#changed(path)),
        this.#dice.between(0, 4),
      )
    return true
  }

  open({ dir, clock, onReport, onTrouble }: Options): Channel {
    const tracked = new Map<string, Tracked>()
    const pathOf = (life: LifeAddress) => `${dir}/${lifeKey(life)}`
    const read = (path: string): void => {
      const file = this.#files.get(path)
      const one = tracked.get(path)
      if (!file || !one || one.reading) return
      one.reading = true
      while (one.offset < file.length) {
        const parsed = parseReport(file[one.offset] ?? '')
        one.offset += 1
        if (!('ok' in parsed)) continue
        try {
          onReport(one.life, parsed.ok, one.offset)
        } catch (cause) {
          onTrouble('a report could not be taken', cause)
        }
      }
      one.reading = false
    }
    this.#changed = read
    let timer: unknown
    const sweep = (): void => {
      for (const path of tracked.keys()) read(path)
      timer = tracked.size > 0 ? clock.setTimeout(sweep, SWEEP_MS) : undefined
    }
    return {
      expect: (life) => {
        const path = pathOf(life)
        this.#files.set(path, [])
        tracked.set(path, { life, offset: 0, reading: false })
        timer ??= clock.setTimeout(sweep, SWEEP_MS)
        return path
      },
      drain: (life) => {
        read(pathOf(life))
        return true
      },
      end: async (life) => {
        const path = pathOf(life)
        read(path)
        tracked.delete(path)
        this.#files.delete(path)
      },
      close: () => {
        clock.clearTimeout(timer)
        tracked.clear()
      },
    }
  }
}
