/** A terminal as small as the prompt needs: what a person would see after all that was written. */
export class TinyTerminal {
  readonly #width: number
  readonly #rows: string[][] = [[]]
  #row = 0
  #column = 0

  constructor(width: number) {
    this.#width = width
  }

  /** The lines from the top, without what is empty at their ends. */
  get lines(): string[] {
    return this.#rows.map((row) =>
      Array.from(row, (each) => each ?? ' ')
        .join('')
        .trimEnd(),
    )
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal reads
    for (const [piece, digits = '', letter] of text.matchAll(/\u001b\[\??(\d*)(?:;\d+)*([A-Za-z])|./gsu))
      if (letter) this.#control(letter, digits === '' ? undefined : Number(digits))
      else this.#put(piece)
  }

  #control(letter: string, given: number | undefined): void {
    const by = given ?? 1
    if (letter === 'A') this.#row = Math.max(0, this.#row - by)
    else if (letter === 'B') this.#row = Math.min(this.#rows.length - 1, this.#row + by)
    else if (letter === 'C') this.#column = Math.min(this.#width - 1, this.#column + by)
    else if (letter === 'D') this.#column = Math.max(0, this.#column - by)
    else if (letter === 'G') this.#column = by - 1
    else if (letter === 'K') this.#rows[this.#row]?.splice(this.#column)
    else if (letter === 'J') {
      this.#rows[this.#row]?.splice(this.#column)
      for (const row of this.#rows.slice(this.#row + 1)) row.splice(0)
    }
  }

  #put(piece: string): void {
    if (piece === '\r') this.#column = 0
    else if (piece === '\n') this.#down()
    else if (piece >= ' ') {
      if (this.#column >= this.#width) {
        this.#column = 0
        this.#down()
      }
      const row = this.#rows[this.#row] as string[]
      row[this.#column] = piece
      this.#column += 1
    }
  }

  #down(): void {
    this.#row += 1
    this.#rows[this.#row] ??= []
  }
}
