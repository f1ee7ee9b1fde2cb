/** The colours of a picture. Each pair reads on its own ground and to those who see no red or green. */
import type { Tone } from './picture.ts'

export interface Colour {
  readonly fill: string
  readonly line: string
  readonly text: string
}

export const COLOURS: Readonly<Record<Tone, Colour>> = {
  start: { fill: '#dbeafe', line: '#2563eb', text: '#1e3a8a' },
  run: { fill: '#d1fae5', line: '#059669', text: '#064e3b' },
  doubt: { fill: '#fef3c7', line: '#b45309', text: '#78350f' },
  ending: { fill: '#fee2e2', line: '#b91c1c', text: '#7f1d1d' },
  end: { fill: '#e5e7eb', line: '#4b5563', text: '#111827' },
  between: { fill: '#ede9fe', line: '#7c3aed', text: '#4c1d95' },
}
