/** The arguments of a dot-command: words apart by spaces, a quoted one may hold some. */
import { ReeveError } from '../errors.ts'

const WORD = /"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g

/** `coder -- sh -c "echo hi"` → `coder`, `--`, `sh`, `-c`, `echo hi`. No shell is involved: nothing is expanded. */
export function words(line: string): string[] {
  const rest = line.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '')
  if (/["']/.test(rest))
    throw new ReeveError('invalid_spec', `${line}: a quote is not closed`, { field: 'command' })
  return [...line.matchAll(WORD)].map(([, double, single, bare]) =>
    double === undefined ? (single ?? bare ?? '') : double.replaceAll(/\\(.)/g, '$1'),
  )
}
