/** Ids that are random to others and the same in every replay. */
import { here } from '../here.ts'

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
const draw = (alphabet: string, size: number): string =>
  Array.from({ length: size }, () => here().ids.pick([...alphabet])).join('')

export const simulated = {
  nanoid: (size = 21): string => draw(LETTERS, size),
  customAlphabet:
    (alphabet: string, size = 21) =>
    (length = size): string =>
      draw(alphabet, length),
}
