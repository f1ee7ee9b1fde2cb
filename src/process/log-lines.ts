/** Bytes of a log to lines: across chunks, across characters, bounded. */
import { StringDecoder } from 'node:string_decoder'

/** A longer line is given in pieces of this many characters. */
const PIECE_CHARACTERS = 64 * 1024

const PIECE = -1
const NEWLINE = 10

/** How far a log was read. */
export interface LogPlace {
  /** Of the first byte of the line that is given next, in everything that was ever written. */
  readonly offset: number
  /** How many pieces of that line were given. */
  readonly pieces: number
}

export class LineSplitter {
  #decoder = new StringDecoder('utf8')
  #rest = ''
  #lines: string[] = []
  /** Where each of them ends; `PIECE` for a part of a line that goes on. */
  #ends: number[] = []
  #next = 0
  /** What is pushed next stands there. */
  #at = 0
  #given: LogPlace | undefined

  /** Behind the line that was given last; `undefined` before the first. */
  get given(): LogPlace | undefined {
    return this.#given
  }

  /** @param at the offset of the first byte in everything that was ever written. */
  push(bytes: Buffer, at: number): void {
    const seen = withoutHole(bytes, this.#rest === '')
    this.#at = at + bytes.length
    let end = this.#at - seen.length
    this.#given ??= { offset: end, pieces: 0 }
    const lines = this.#decoder.write(seen).split('\n')
    lines[0] = this.#rest + lines[0]
    const rest = lines.pop() ?? ''
    let from = 0
    for (const line of lines) {
      const last = this.#cut(line)
      const next = seen.indexOf(NEWLINE, from) + 1
      end += next - from
      from = next
      this.#lines.push(last.endsWith('\r') ? last.slice(0, -1) : last)
      this.#ends.push(end)
    }
    this.#rest = this.#cut(rest)
  }

  /** The next line, in order. */
  shift(): string | undefined {
    const line = this.#lines[this.#next]
    const end = this.#ends[this.#next]
    if (line === undefined || end === undefined) return undefined
    const { offset = 0, pieces = 0 } = this.#given ?? {}
    this.#given = end === PIECE ? { offset, pieces: pieces + 1 } : { offset: end, pieces: 0 }
    this.#next += 1
    if (this.#next === this.#lines.length) {
      this.#lines = []
      this.#ends = []
      this.#next = 0
    }
    return line
  }

  /** What came after the last newline, once nothing follows; `undefined` when nothing did. */
  end(): string | undefined {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest === '') return undefined
    this.#given = { offset: this.#at, pieces: 0 }
    return rest
  }

  /** Another beginning: half a line of before is given as it is. */
  restart(): void {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    if (rest !== '') {
      this.#lines.push(rest)
      this.#ends.push(this.#at)
    }
    this.#decoder = new StringDecoder('utf8')
  }

  #cut(text: string): string {
    let rest = text
    while (rest.length > PIECE_CHARACTERS) {
      const last = rest.charCodeAt(PIECE_CHARACTERS - 1)
      // Not between the halves of a character.
      const length = last >= 0xd800 && last <= 0xdbff ? PIECE_CHARACTERS - 1 : PIECE_CHARACTERS
      this.#lines.push(rest.slice(0, length))
      this.#ends.push(PIECE)
      rest = rest.slice(length)
    }
    return rest
  }
}

const NOTHING = Buffer.alloc(0)

/**
 * A hole reads as NULs: a whole chunk of them, or those at the beginning of a line. Readers start behind it, but where
 * `.offset` was lost.
 */
function withoutHole(bytes: Buffer, lineBegins: boolean): Buffer {
  if (bytes[0] !== 0) return bytes
  const end = bytes.findIndex((byte) => byte !== 0)
  if (end === -1) return NOTHING
  return lineBegins ? bytes.subarray(end) : bytes
}
