/** Only the clock knows what time it is: deadlines are monotonic, and a simulated clock moves everything. */
import t from 'tap'
import ts from 'typescript'
import { sources, walk } from './sources.ts'

const TIMERS = ['setTimeout', 'setInterval']
const READINGS = ['Date.now', 'performance.now', 'process.hrtime', 'process.hrtime.bigint', 'process.uptime']

/** `file: what`, with the reason. None of them measures time or waits for it. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/agent-kit/control.ts: setInterval':
    "in the agent's own process: looks at its control file where no watch does",
  'src/roster.ts: setInterval': 'holds the event loop while an agent lives; it never fires',
  'src/deferred.ts: setInterval': 'holds the event loop while someone waits; it never fires',
}

function readingsOfTime(): string[] {
  const found: string[] = []
  for (const { file, tree } of sources) {
    // The page's own clock is that of a browser.
    if (file === 'src/clock.ts' || file === 'src/observe/dashboard/ticking.ts') continue
    walk(tree, (node) => {
      if (
        ts.isCallExpression(node) &&
        ts.isIdentifier(node.expression) &&
        TIMERS.includes(node.expression.text)
      )
        found.push(`${file}: ${node.expression.text}`)
      if (ts.isPropertyAccessExpression(node) && READINGS.includes(node.getText()))
        found.push(`${file}: ${node.getText()}`)
      if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
        found.push(`${file}: new Date()`)
      if (ts.isPropertyAccessExpression(node) && node.getText() === 'AbortSignal.timeout')
        found.push(`${file}: AbortSignal.timeout`)
      if (ts.isImportDeclaration(node) && /'(node:)?timers/.test(node.moduleSpecifier.getText()))
        for (const timer of TIMERS)
          if (node.importClause?.getText().includes(timer)) found.push(`${file}: import of ${timer}`)
    })
  }
  return [...new Set(found)].sort()
}

t.strictSame(readingsOfTime(), Object.keys(ALLOWED).sort(), 'nothing else reads or waits for time')
