/** What nobody else has in their environment: a marker, or the seed from which those of all lives of one agent follow. */

/** Loaded when it is needed: most launchers never need it, and it is a sixth of what their start takes. */
const crypto = () => process.getBuiltinModule('node:crypto')

const MARKER_BYTES = 16
const pool = Buffer.alloc(256 * MARKER_BYTES)
let drawn = pool.length

/** 128 bits in hex. Drawn 256 at a time: one by one they cost twenty times as much. */
export function newMarker(): string {
  if (drawn === pool.length) {
    crypto().randomFillSync(pool)
    drawn = 0
  }
  drawn += MARKER_BYTES
  return pool.toString('hex', drawn - MARKER_BYTES, drawn)
}

/** 128 bits in hex: of this life alone, and not to be guessed from those of another. */
export const markerOf = (seed: string, incarnation: number): string =>
  crypto()
    .createHash('sha256')
    .update(`${seed}.${incarnation}`)
    .digest('hex')
    .slice(0, 2 * MARKER_BYTES)
