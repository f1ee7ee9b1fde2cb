/** Server-sent events out of text that comes in pieces. */

export interface ServerEvent {
  readonly event: string
  readonly data: string
  /** The last id that was said so far. */
  readonly id: string | undefined
}

export async function* serverEvents(text: AsyncIterable<string>): AsyncGenerator<ServerEvent, void, void> {
  let rest = ''
  let id: string | undefined
  let event = ''
  let data: string[] = []
  for await (const piece of text) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id }
        event = ''
        data = []
        continue
      }
      const at = line.indexOf(':')
      const field = at === -1 ? line : line.slice(0, at)
      const value = at === -1 ? '' : line.slice(at + (line[at + 1] === ' ' ? 2 : 1))
      if (field === 'id') id = value
      else if (field === 'event') event = value
      else if (field === 'data') data.push(value)
    }
  }
}
