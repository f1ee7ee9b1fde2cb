/** Where agents are found as resources: `reeve://agents/ID`, with `/log` and `/history`. A name may stand for the id. */

export const KINDS = ['record', 'log', 'history'] as const
export type Kind = (typeof KINDS)[number]

export interface Place {
  /** An id or a name. */
  readonly agent: string
  readonly kind: Kind
}

export const TEMPLATE = 'reeve://agents/{id}'

export const uriOf = ({ agent, kind }: Place): string =>
  `reeve://agents/${encodeURIComponent(agent)}${kind === 'record' ? '' : `/${kind}`}`

/** `undefined` when it is none of ours. Read as text: a URL's own rules would take the names `.` and `..` for folders. */
export function placeOf(uri: string): Place | undefined {
  const [, written, kind = 'record'] = /^reeve:\/\/agents\/([^/?#]+)(?:\/(log|history))?$/.exec(uri) ?? []
  if (written === undefined) return undefined
  try {
    return { agent: decodeURIComponent(written), kind: kind as Kind }
  } catch {
    return undefined // not encoded as a URI is
  }
}
