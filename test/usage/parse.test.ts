import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseBatch, parseLine } from '../../functions/usage/parse.ts'
import { packLines, unpackLines } from '../../functions/usage/segments.ts'
import { usageLimits } from '../../schemas/usage.ts'
import { eventFields, ndjson } from './support.ts'

const lines = (body: string | Uint8Array) =>
  parseBatch(typeof body === 'string' ? Buffer.from(body) : body, 'application/x-ndjson')
const json = (body: string) => parseBatch(Buffer.from(body), 'application/json')
const good = JSON.stringify(eventFields())
const codeOf = (attempt: () => unknown): unknown => {
  try {
    attempt()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'accepted'
}

describe('NDJSON', () => {
  test('line breaks, blank lines and a byte order mark are no part of a line', () => {
    const parsed = lines(`\ufeff${good}\r\n\n  \t\r\n${good}`)
    expect(parsed.map(({ line, text, errors }) => ({ line, text, errors }))).toEqual([
      { line: 1, text: good, errors: undefined },
      { line: 2, text: good, errors: undefined },
    ])
    expect(parsed[0]?.event).toMatchObject({ id: 'e-1', type: 'use', quantity: 1 })
  })

  test.each([
    ['{', [{ pointer: '', detail: 'not JSON' }]],
    ['\ufeff{}', [{ pointer: '', detail: 'not JSON' }]],
    ['['.repeat(10_000) + ']'.repeat(10_000), [{ pointer: '', detail: expect.stringContaining('expected object') }]],
    ['['.repeat(10_000), [{ pointer: '', detail: 'not JSON' }]],
    ['null', [{ pointer: '', detail: expect.stringContaining('expected object') }]],
    [{ ...eventFields(), quantitty: 2 }, [{ pointer: '/quantitty', detail: 'unknown field' }]],
    [`{"__proto__": 1, ${good.slice(1)}`, [{ pointer: '/__proto__', detail: 'unknown field' }]],
    [eventFields({ quantity: 0 }), [{ pointer: '/quantity' }]],
    [eventFields({ quantity: 1.5 }), [{ pointer: '/quantity' }]],
    [good.replace('"id"', '"quantity":9007199254740993,"id"'), [{ pointer: '/quantity' }]],
    [eventFields({ quantity: 1_000_000_001 }), [{ pointer: '/quantity' }]],
    [eventFields({ amount: { amountMinor: -1, currency: 'CNY' } }), [{ pointer: '/amount/amountMinor' }]],
    [eventFields({ amount: { amountMinor: 1, currency: 'XXY' } }), [{ pointer: '/amount/currency' }]],
    [eventFields({ occurredAt: '2026-10-03T04:11:09+08:00' }), [{ pointer: '/occurredAt' }]],
    [eventFields({ occurredAt: '2026-02-30T04:11:09Z' }), [{ pointer: '/occurredAt' }]],
    [eventFields({ type: 'reversal' }), [{ pointer: '/reverses' }]],
    [eventFields({ reverses: 'e-0' }), [{ pointer: '/reverses' }]],
    [eventFields({ subject: '\ud800' }), [{ pointer: '/subject' }]],
    [eventFields({ id: 'with space' }), [{ pointer: '/id' }]],
  ])('malformed line %#', (line, errors) => {
    // The second line keeps the first from standing at the start, where a byte order mark is allowed.
    const [, parsed] = lines(ndjson(good, line))
    expect(parsed?.event).toBeUndefined()
    const pointers = parsed?.errors?.map(error => error.pointer)
    expect(new Set(pointers)).toEqual(new Set(errors.map(({ pointer }) => pointer)))
    expect(parsed?.errors).toEqual(expect.arrayContaining(errors.map(error => expect.objectContaining(error))))
  })

  test('a line that is not UTF-8 is malformed and kept byte for byte', () => {
    const bytes = Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
    const [parsed] = lines(bytes)
    expect(parsed?.errors).toEqual([{ pointer: '', detail: 'not UTF-8' }])
    expect(Buffer.from(parsed?.bytes ?? [])).toEqual(bytes)
  })

  test('of a line that is too long the beginning is kept, and it is still too long when it is read again', () => {
    const [parsed, next] = lines(`${good}${' '.repeat(3_000_000)}\n${good}`)
    expect(parsed?.errors).toEqual([{ pointer: '', detail: 'longer than 65536 bytes' }])
    expect(parseLine(parsed?.bytes ?? Buffer.of(), 1).errors).toEqual(parsed?.errors)
    expect(next?.event?.id).toBe('e-1')
    expect(lines(good.padEnd(usageLimits.lineBytes))[0]?.event?.id).toBe('e-1')
  })

  test('a line with thousands of wrong fields is answered with the first of them', () => {
    const wrong = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]))
    expect(lines(ndjson(wrong))[0]?.errors?.length).toBe(8)
  })

  test.each([
    ['empty-batch', ''],
    ['empty-batch', '\n\r\n \n'],
    ['accepted', '{}\n'.repeat(10_000)],
    ['too-many-events', '{}\n'.repeat(10_001)],
    ['accepted', '{}'.padEnd(5_000_000)],
    ['body-too-large', '{}'.padEnd(5_000_001)],
  ])('%s, case %#', (code, body) => {
    expect(codeOf(() => lines(body))).toBe(code)
  })
})

describe('JSON', () => {
  test('each element is one line, its text as received', () => {
    const parsed = json(
      `\ufeff{ "events" : [ ${good} ,\n{"a": [1, {"b": "]},\\""}],\r\n "n": 9007199254740993}\n, 7 ] }`,
    )
    expect(parsed.map(({ line, text }) => [line, text])).toEqual([
      [1, good],
      [2, '{"a": [1, {"b": "]},\\""}],   "n": 9007199254740993}'],
      [3, '7'],
    ])
    expect(parsed.map(({ event }) => event?.id)).toEqual(['e-1', undefined, undefined])
  })

  test('any JSON in the list comes out as the same values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(undefined, 2),
        (events, indent) => {
          const parsed = json(JSON.stringify({ events }, undefined, indent))
          expect(parsed.map(({ text }) => JSON.stringify(JSON.parse(text)))).toEqual(
            events.map(event => JSON.stringify(event)),
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  test('deep nesting is a malformed line', () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000)
    expect(json(`{"events":[${deep}]}`)[0]?.errors).toEqual([{ pointer: '', detail: 'longer than 65536 bytes' }])
    const shallower = '['.repeat(30_000) + ']'.repeat(30_000)
    expect(json(`{"events":[${shallower}]}`)[0]?.errors).toHaveLength(1)
  })

  test.each([
    ['invalid-json', '{"events":['],
    ['invalid-json', ''],
    ['invalid-request', '[]'],
    ['invalid-request', 'null'],
    ['invalid-request', '{}'],
    ['invalid-request', '{"events":{}}'],
    ['invalid-request', `{"events":[${good}],"partner":"x"}`],
    ['empty-batch', '{"events":[ ]}'],
    ['too-many-events', `{"events":[${'1,'.repeat(10_000)}1]}`],
    ['accepted', `{"events":["${'x'.repeat(10)}"],"events":[${good}]}`],
  ])('%s, case %#', (code, body) => {
    expect(codeOf(() => json(body))).toBe(code)
  })
})

test('segments give back the lines byte for byte, each below the item limit even if nothing can be compressed', () => {
  let seed = 1
  const noise = () =>
    Buffer.from(
      Array.from({ length: 60_000 }, () => {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        return seed % 251 === 10 ? 11 : (seed >> 8) % 251 === 10 ? 11 : (seed >> 8) % 251
      }),
    )
  const packed = Array.from({ length: 40 }, noise)
  const segments = packLines(packed)
  expect(Math.max(...segments.map(({ data }) => data.byteLength))).toBeLessThan(380_000)
  expect(segments.flatMap(({ data }) => unpackLines(data)).map(line => Buffer.from(line))).toEqual(packed)
  expect(segments.map(({ firstLine }) => firstLine)).toEqual([1, 6, 11, 16, 21, 26, 31, 36].slice(0, segments.length))
  expect(segments.reduce((sum, { lines: count }) => sum + count, 0)).toBe(40)
})
