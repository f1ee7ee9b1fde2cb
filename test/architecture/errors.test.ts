/** The table of errors and the code are the same: nothing is told that is not in it, nothing stands in it untold. */
import t from 'tap'
import ts from 'typescript'
import { ERRORS } from '../../src/errors.ts'
import { sources, walk } from './sources.ts'

/** The names under which an error or a warning bears its code. */
const CARRIERS = ['code', 'event']

interface Told {
  readonly file: string
  readonly code: string
}

const texts = (node: ts.Expression): string[] => {
  if (ts.isStringLiteral(node)) return [node.text]
  if (ts.isConditionalExpression(node)) return [...texts(node.whenTrue), ...texts(node.whenFalse)]
  return []
}

/** `new ReeveError('…')`, and whatever has `code: '…'`. */
function thrownOrTold(): Told[] {
  const found: Told[] = []
  for (const { file, tree } of sources) {
    walk(tree, (node) => {
      const add = (codes: string[]) => found.push(...codes.map((code) => ({ file, code })))
      if (ts.isNewExpression(node) && node.expression.getText() === 'ReeveError' && node.arguments?.[0])
        add(texts(node.arguments[0]))
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'code') add(texts(node.initializer))
    })
  }
  // Node's own names (`ENOENT`) and exit codes are no codes of ours.
  return found.filter(({ code }) => /^[a-z][a-z_]+$/.test(code))
}

const documented = sources.flatMap(({ file, tree }) =>
  [
    ...tree.getFullText().matchAll(/@throws\s+(?:ReeveError\s+)?([^\n]*(?:\n\s+\*\s+[^@\n][^\n]*)?)/g),
  ].flatMap(([, text = '']) =>
    [...text.matchAll(/`([a-z]+_[a-z_]+|internal)`/g)].map(([, code = '']) => ({ file, code })),
  ),
)

t.test('every code that is thrown, told or documented is in the table', async (t) => {
  const unknown = [...thrownOrTold(), ...documented].filter(({ code }) => !(code in ERRORS))
  t.strictSame(unknown, [])
  t.ok(documented.length > 10)
})

t.test('every code of the table is thrown or told somewhere', async (t) => {
  const told = new Set(thrownOrTold().map(({ code }) => code))
  // A report file that is refused makes a note of this name, not an error.
  for (const { tree } of sources)
    walk(tree, (node) => {
      if (ts.isPropertyAssignment(node) && CARRIERS.includes(node.name.getText()))
        for (const text of texts(node.initializer)) told.add(text)
    })
  t.strictSame(
    Object.keys(ERRORS).filter((code) => !told.has(code)),
    [],
  )
})

t.test('a meaning is a sentence', async (t) => {
  for (const [code, meaning] of Object.entries(ERRORS)) t.match(meaning, /^[A-Z].*\.$/, code)
})
