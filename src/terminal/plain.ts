/** Text from agents as a terminal may show it: nothing in it moves the cursor, rings, colours or hides. */
import { stripVTControlCharacters } from 'node:util'

/** C0 but tab, DEL, C1, and what turns the direction of writing around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const UNSEEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g

/** A line of a log: control sequences are gone, tabs stay. */
export const plainLine = (line: string): string => stripVTControlCharacters(line).replace(UNSEEN, '')

/** A name, a message, an argument, within a line of ours: a line break is a space. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\t\n\r]+/g, ' ')
    .replace(UNSEEN, '')
