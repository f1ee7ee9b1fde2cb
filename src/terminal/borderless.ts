/** A table without lines: two columns of space between the cells. */
export const GAP = 2

const LINES = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
]

export const BORDERLESS = {
  chars: Object.fromEntries(LINES.map((name) => [name, ''])),
  style: { head: [] as string[], border: [] as string[], 'padding-left': 0, 'padding-right': GAP },
}

/** As it is printed: no line ends in space. */
export const drawn = (table: { toString(): string }): string =>
  table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
