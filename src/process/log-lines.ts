/** Bytes of a log to lines: across chunks, across characters, bounded. */
import { StringDecoder } from 'node:string_decoder'

/** A longer line is given in pieces of this many characters. */
const PIECE_CHARACTERS = 64 * 1024

export class LineSplitter {
  #decoder = new StringDecoder('utf8')
  #rest = ''
  #lines: string[] = []
  #next = 0

  push(bytes: Buffer): void {
    const text = this.#decoder.write(withoutHole(bytes, this.#rest === ''))
    const lines = text.split('\n')
    lines[0] = this.#rest + lines[0]
    this.#rest = this.#cut(lines.pop() ?? '', this.#lines)
    for (const line of lines) {
      const last = this.#cut(line, this.#lines)
      this.#lines.push(last.endsWith('\r') ? last.slice(0, -1) : last)
    }
  }

  /** The next line, in order. */
  shift(): string | undefined {
    const line = this.#lines[this.#next]
    if (line === undefined) return undefined
    this.#next += 1
    if (this.#next === this.#lines.length) {
      this.#lines = []
      this.#next = 0
    }
    return line
  }

  /** What came after the last newline, once nothing follows; `undefined` when nothing did. */
  end(): string | undefined {
    const rest = this.#rest + this.#decoder.end()
    this.#rest = ''
    return rest === '' ? undefined : rest
  }

  /** Another beginning: half a line of before is given as it is. */
  restart(): void {
    const rest = this.end()
    if (rest !== undefined) this.#lines.push(rest)
    this.#decoder = new StringDecoder('utf8')
  }

  #cut(text: string, pieces: string[]): string {
    let rest = text
    while (rest.length > PIECE_CHARACTERS) {
      const last = rest.charCodeAt(PIECE_CHARACTERS - 1)
      // Not between the halves of a character.
      const length = last >= 0xd800 && last <= 0xdbff ? PIECE_CHARACTERS - 1 : PIECE_CHARACTERS
      pieces.push(rest.slice(0, length))
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
