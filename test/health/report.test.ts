import t from 'tap'
import { activityOf, checkReport, MAX_MESSAGE_BYTES, parseReport } from '../../src/health/report.ts'

const ok = (line: string) => {
  const parsed = parseReport(line)
  return 'ok' in parsed ? parsed.ok : parsed
}
const cause = (line: string) => {
  const parsed = parseReport(line)
  return 'malformed' in parsed ? parsed.malformed : JSON.stringify(parsed)
}

t.test('bare words', async (t) => {
  for (const type of ['ready', 'beat', 'working', 'idle', 'stopping', 'usage'])
    for (const line of [type, ` ${type}\t`, `${type}\r`, `{"type":"${type}"}`]) t.same(ok(line), { type })
})

t.test('waiting says on what, perhaps until when and why', async (t) => {
  t.same(ok('{"type":"waiting","on":"permission","until":"2026-01-01T12:00:00Z","message":"rm -rf?"}'), {
    type: 'waiting',
    on: 'permission',
    until: '2026-01-01T12:00:00.000Z',
    message: 'rm -rf?',
  })
  t.same(ok('{"type":"waiting","on":"auth","until":"2026-01-01T12:00:00+02:00"}'), {
    type: 'waiting',
    on: 'auth',
    until: '2026-01-01T10:00:00.000Z',
  })
  t.match(
    ok('{"type":"waiting","on":"model","until":"2026-01-01T12:00:00.123456"}'),
    { until: '2026-01-01T12:00:00.123Z' },
    'without a zone it is UTC',
  )
  t.match(cause('waiting'), /^on: /)
  t.match(cause('{"type":"waiting","on":"lunch"}'), /^on: /)
  t.match(cause('{"type":"waiting","on":"tool","until":"tomorrow"}'), /^until: /)
  t.match(cause('{"type":"waiting","on":"tool","until":"2026-02-30T00:00:00Z"}'), /^until: /)
})

t.test('a long message is cut at a character', async (t) => {
  const said = ok(JSON.stringify({ type: 'waiting', on: 'tool', message: `x${'é'.repeat(2000)}` }))
  const message = 'message' in said ? (said.message ?? '') : ''
  t.equal(message, `x${'é'.repeat(511)}`)
  t.ok(Buffer.byteLength(message) <= MAX_MESSAGE_BYTES)
})

t.test('usage is finite and not negative, each part may be absent', async (t) => {
  t.same(ok('{"type":"usage","turns":1,"tokens":1800,"usd":0.02}'), {
    type: 'usage',
    turns: 1,
    tokens: 1800,
    usd: 0.02,
  })
  t.same(ok('{"type":"usage","tokens":0}'), { type: 'usage', tokens: 0 })
  for (const bad of ['-1', '1e999', '"12"', 'null', '[]'])
    t.match(cause(`{"type":"usage","usd":${bad}}`), /^usd: /, bad)
})

t.test('extend, stopping, result', async (t) => {
  t.same(ok('{"type":"extend","by":"10m"}'), { type: 'extend', by: 600_000 })
  t.same(ok('{"type":"extend","by":"1.5 s"}'), { type: 'extend', by: 1500 })
  t.same(ok('{"type":"extend","by":250}'), { type: 'extend', by: 250 })
  t.same(ok('{"type":"extend","by":"400d"}'), { type: 'extend', by: 86_400_000 }, 'a day at most')
  for (const bad of ['"soon"', '0', '-1', '1e999', '[]', '"-5m"'])
    t.match(cause(`{"type":"extend","by":${bad}}`), /^by: must be /, bad)
  const anHour = 'by: must be a duration such as "90s" or "10m", or milliseconds'
  t.equal(cause('{"type":"extend","by":"soon"}'), `${anHour} (given: "soon")`)
  t.equal(cause('{"type":"extend","by":{"x":[1]}}'), `${anHour} (given: {"x":[1]})`)
  t.equal(cause('{"type":"extend","by":0}'), 'by: must be more than 0 (given: 0)')
  t.equal(cause('extend'), anHour)
  t.same(ok('{"type":"stopping","message":"done"}'), { type: 'stopping', message: 'done' })
  t.same(ok('{"type":"result","value":{"a":[1,null,"x"]}}'), { type: 'result', value: { a: [1, null, 'x'] } })
  t.same(ok('{"type":"result","value":null}'), { type: 'result', value: null })
})

t.test('what is no report says why, and unknown keys do no harm', async (t) => {
  t.match(cause('hello world'), /unknown type "hello world"/)
  t.match(cause('Ready'), /unknown type/)
  t.match(cause(''), /unknown type/)
  t.match(cause('{"type":"ready"'), /not valid JSON/)
  t.match(cause('{}'), /unknown type/)
  t.equal(
    cause('{"type":7}'),
    'unknown type "7": must be one of ready, beat, working, idle, waiting, usage, extend, stopping, result',
  )
  t.ok(cause(`{"type":"waiting","on":"${'x'.repeat(9000)}"}`).length < 300)
  t.match(cause('5'), /unknown type/)
  t.match(cause('[]'), /unknown type/)
  t.match(cause('\0\0beat'), /unknown type/)
  t.ok(cause(`{"type":"${'x'.repeat(9000)}"}`).length < 200)
  t.same(ok('{"type":"beat","__proto__":{"on":1},"more":1}'), { type: 'beat' })
  for (const value of [undefined, null, 5, 'beat', []]) t.ok('malformed' in checkReport(value), String(value))
})

t.test('the activity that it tells', async (t) => {
  t.same(activityOf({ type: 'idle' }), { kind: 'idle' })
  t.same(activityOf({ type: 'working' }), { kind: 'working' })
  t.same(activityOf({ type: 'waiting', on: 'tool', message: 'm' }), {
    kind: 'waiting',
    on: 'tool',
    message: 'm',
  })
  t.equal(activityOf({ type: 'beat' }), undefined)
})
