import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLine } from '../../functions/usage/parse.ts'
import { readBatch, type SentBatch } from '../../functions/usage/read-batch.ts'
import { packLines, unpackLines } from '../../functions/usage/segments.ts'
import { type PointedError, usageLimits } from '../../schemas/usage.ts'
import { eventFields, ndjson } from './support.ts'

type Told = { line: number; text: string; bytes: Buffer; errors: PointedError[] | undefined }

/** The lines of a batch as they would be stored, with what was said of each, whatever the pieces it came in. */
async function linesOf(body: string | Uint8Array, more: Partial<SentBatch> = {}, size?: number): Promise<Told[]> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const sent = size === undefined ? bytes : pieces(bytes, size)
  const { segments, malformed, lines } = await readBatch({ body: sent, mediaType: 'application/x-ndjson', ...more })
  const stored = segments.flatMap(({ data }) => unpackLines(data))
  expect(stored).toHaveLength(lines)
  expect(segments.flatMap(segment => segment.malformed)).toEqual(malformed.map(({ line }) => line))
  const errorsOf = new Map(malformed.map(({ line, errors }) => [line, errors]))
  return stored.map((line, at) => ({
    line: at + 1,
    text: Buffer.from(line).toString(),
    bytes: Buffer.from(line),
    errors: errorsOf.get(at + 1),
  }))
}
const jsonOf = (body: string, size?: number) => linesOf(body, { mediaType: 'application/json' }, size)
async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}
const good = JSON.stringify(eventFields())
const codeOf = (reading: Promise<unknown>): Promise<unknown> =>
  reading.then(
    () => 'accepted',
    error => error.code ?? error,
  )

const withNumber = (number: string): string =>
  good.replace('"id"', `"amount":{"amountMinor":${number},"currency":"CNY"},"id"`)
const isJson = (number: string): boolean => !/^(NaN|0\d|\+.*|.*\.)$/.test(number)

describe('NDJSON', () => {
  test.each([undefined, 1, 2, 7])(
    'line breaks, blank lines and a mark are no part of a line, in pieces of %s',
    async size => {
      const parsed = await linesOf(`\ufeff${good}\r\n\n  \t\r\n${good}`, {}, size)
      expect(parsed.map(({ line, text, errors }) => ({ line, text, errors }))).toEqual([
        { line: 1, text: good, errors: undefined },
        { line: 2, text: good, errors: undefined },
      ])
    },
  )

  test.each<[string | object, { pointer: string; detail?: unknown }[]]>([
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
    // Nothing that is read is rounded first, and nothing may be read in two ways.
    [withNumber('9007199254740993'), [{ pointer: '/amount/amountMinor' }]],
    [
      withNumber('1.0000000000000000001'),
      [{ pointer: '/amount/amountMinor', detail: expect.stringContaining('digits') }],
    ],
    ...['1e400', '-0', '1.0', '1e3', '1E0', '0.5', '-1', 'null', '"1"', 'NaN', '01', '+1', '1.'].map(
      (number): [string, { pointer: string }[]] => [
        withNumber(number),
        [{ pointer: isJson(number) ? '/amount/amountMinor' : '' }],
      ],
    ),
    [good.replace('"id"', '"quantity": 2.0 ,"id"'), [{ pointer: '/quantity' }]],
    [good.replace('"id"', '"quantity":2,"quantity":3,"id"'), [{ pointer: '/quantity', detail: 'duplicate member' }]],
    [good.replace('"id"', '"quantity":2,"quantit\\u0079":2,"id"'), [{ pointer: '/quantity' }]],
    [good.replace('"id"', '"id":"e-0","id"'), [{ pointer: '/id', detail: 'duplicate member' }]],
    [
      withNumber('1').replace('"currency"', '"currency":"USD","currency"'),
      [{ pointer: '/amount/currency', detail: 'duplicate member' }],
    ],
    [withNumber('1').replace('"amount"', '"amount":null,"amount"'), [{ pointer: '/amount' }]],
    [good.replace('e-1', 'e-\u0000'), [{ pointer: '' }]],
    [good.replace('"id"', '\u0000"id"'), [{ pointer: '' }]],
    [eventFields({ id: 'e-\u0000' }), [{ pointer: '/id' }]],
    [`{"constructor":1,"toString":2,${good.slice(1)}`, [{ pointer: '/constructor' }, { pointer: '/toString' }]],
  ])('malformed line %#', async (line, errors) => {
    // The second line keeps the first from standing at the start, where a byte order mark is allowed.
    const [, parsed] = await linesOf(ndjson(good, line))
    expect(parseLine(parsed?.bytes ?? Buffer.of(), 2)).toMatchObject({ errors: parsed?.errors })
    const pointers = parsed?.errors?.map(error => error.pointer)
    expect(new Set(pointers)).toEqual(new Set(errors.map(({ pointer }) => pointer)))
    expect(parsed?.errors).toEqual(expect.arrayContaining(errors.map(error => expect.objectContaining(error))))
  })

  test('a line that is not UTF-8 is malformed and kept byte for byte', async () => {
    const bytes = Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
    const [parsed] = await linesOf(bytes)
    expect(parsed?.errors).toEqual([{ pointer: '', detail: 'not UTF-8' }])
    expect(Buffer.from(parsed?.bytes ?? [])).toEqual(bytes)
  })

  test.each([undefined, 65_536])(
    'of a line that is too long the beginning is kept, and it is still too long when it is read again: %s',
    async size => {
      const [parsed, next] = await linesOf(`${good}${' '.repeat(3_000_000)}\n${good}`, {}, size)
      expect(parsed?.errors).toEqual([{ pointer: '', detail: 'longer than 65536 bytes' }])
      expect(parseLine(parsed?.bytes ?? Buffer.of(), 1).errors).toEqual(parsed?.errors)
      expect(next?.errors).toBeUndefined()
      for (const [end, told] of [
        ['', undefined],
        ['\r\n', undefined],
        ['\r', undefined],
        [' ', 1],
        [' \r\n', 1],
      ] as const)
        expect((await linesOf(good.padEnd(usageLimits.lineBytes) + end, {}, size))[0]?.errors?.length).toBe(told)
      // However many, blanks are no line.
      expect(await linesOf(`${' '.repeat(200_000)}\n${good}\n${'\t'.repeat(200_000)}`, {}, size)).toHaveLength(1)
    },
  )

  test('a line with thousands of wrong fields is answered with the first of them', async () => {
    const wrong = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]))
    expect((await linesOf(ndjson(wrong)))[0]?.errors?.length).toBe(8)
  })

  test.each([
    ['empty-batch', ''],
    ['empty-batch', '\n\r\n \n'],
    ['accepted', '{}\n'.repeat(10_000)],
    ['too-many-events', '{}\n'.repeat(10_001)],
    ['accepted', '{}'.padEnd(5_000_000)],
    ['body-too-large', '{}'.padEnd(5_000_001)],
  ])('%s, case %#', async (code, body) => {
    expect(await codeOf(linesOf(body))).toBe(code)
  })
})

describe('JSON', () => {
  test.each([undefined, 1, 3, 10])('each element is one line, its text as received, in pieces of %s', async size => {
    const parsed = await jsonOf(
      `\ufeff{ "events" : [ ${good} ,\n{"a": [1, {"b": "]},\\""}],\r\n "n": 9007199254740993}\n, 7 ] }`,
      size,
    )
    expect(parsed.map(({ line, text }) => [line, text])).toEqual([
      [1, good],
      [2, '{"a": [1, {"b": "]},\\""}],   "n": 9007199254740993}'],
      [3, '7'],
    ])
    expect(parsed.map(({ errors }) => errors === undefined)).toEqual([true, false, false])
  })

  test('any JSON in the list comes out as the same values', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(undefined, 2),
        fc.integer({ min: 1, max: 40 }),
        async (events, indent, size) => {
          const parsed = await jsonOf(JSON.stringify({ events }, undefined, indent), size)
          expect(parsed.map(({ text }) => JSON.stringify(JSON.parse(text)))).toEqual(
            events.map(event => JSON.stringify(event)),
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  test('deep nesting is a malformed line', async () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000)
    expect((await jsonOf(`{"events":[${deep}]}`))[0]?.errors).toEqual([
      { pointer: '', detail: 'longer than 65536 bytes' },
    ])
    const shallower = '['.repeat(30_000) + ']'.repeat(30_000)
    expect((await jsonOf(`{"events":[${shallower}]}`))[0]?.errors).toHaveLength(1)
  })

  test.each([
    ['invalid-json', '{"events":['],
    ['invalid-json', ''],
    ['invalid-json', `{"events":${'['.repeat(3_000_000)}`],
    ['invalid-json', 'x'],
    ['invalid-json', '{'],
    ['invalid-json', '{"events'],
    ['invalid-json', `{"events":[${good}]`],
    ['invalid-json', `{"events":[${good}]}}`],
    ['invalid-json', `{"events":[${good}]} {}`],
    ['invalid-json', `{"events":[${good}],}`],
    ['invalid-json', `{"events":[${good},]}`],
    ['invalid-json', `{"events":[,${good}]}`],
    ['invalid-json', `{"events":[${good} ${good}]}`],
    ['invalid-json', `{"events":[${good}}`],
    ['invalid-json', `{"events":[{"a":1]]}`],
    ['invalid-json', `{"events":["two\nlines"]}`],
    ['invalid-json', `{"events":[${good}]}\u0000`],
    ['invalid-json', `{events:[${good}]}`],
    ['invalid-json', `{"events" [${good}]}`],
    ['invalid-json', `{"ev\nents":[${good}]}`],
    ['invalid-json', `{"\\x":[${good}]}`],
    ['invalid-request', `{"${'x'.repeat(1_000_000)}`],
    ['invalid-request', `{"__proto__":{"events":[]},"events":[${good}]}`],
    ['accepted', `\ufeff {"\\u0065vents" :\r\n[${good}] } \n`],
    ['invalid-request', '[]'],
    ['invalid-request', 'null'],
    ['invalid-request', '{}'],
    ['invalid-request', '{"events":{}}'],
    ['invalid-request', `{"events":[${good}],"partner":"x"}`],
    ['empty-batch', '{"events":[ ]}'],
    ['too-many-events', `{"events":[${'1,'.repeat(10_000)}1]}`],
    ['invalid-request', `{"events":["${'x'.repeat(10)}"],"events":[${good}]}`],
  ])('%s, case %#', async (code, body) => {
    expect(await codeOf(jsonOf(body))).toBe(code)
    // The machine that reads it may be cut anywhere.
    if (body.length < 1000) expect(await codeOf(jsonOf(body, 1))).toBe(code)
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
