import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePlainJson } from '../../sdk/plain-json.ts'
import { parseStrictJson, readStrictly, StrictJsonError } from '../../sdk/strict-json.ts'

function faultOf(text: string, maxDepth = 8): string {
  try {
    parseStrictJson(text, maxDepth)
    return 'none'
  } catch (error) {
    if (error instanceof StrictJsonError) return error.fault
    throw error
  }
}

test('reads what JSON.stringify writes as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t\r\n '), (value, space) => {
      const text = JSON.stringify(value, null, space)
      expect(JSON.stringify(parseStrictJson(text, 100))).toBe(JSON.stringify(JSON.parse(text)))
    }),
  )
})

test('accepts nothing that JSON.parse refuses', () => {
  const piece = fc.constantFrom(...'{}[]",:\\0123456789-+.eEu tfn\n\u0001', 'true', 'null', '"a"', '\\u00', '1e5')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const text = pieces.join('')
      if (faultOf(text) === 'none') expect(() => JSON.parse(text)).not.toThrow()
    }),
    { numRuns: 5000 },
  )
})

/** Names that repeat, look like numbers or meant something once; numbers, depth and white space at their edges. */
const TEXT_PIECES = ['"a"', '"b"', '"__proto__"', '"1"', '""', '"\u2028"', '"ü"', '"\\u0061"', '"\\""', '"\\ud800"']
const NUMBERS = ['0', '-0', '1e5', '1e999', '-1e999', '0.1', '9007199254740993', '01', '1.']

/** Texts that are nearly always JSON, with every trap of the quick reading in them. */
const trickyJson = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 10, withCrossShrink: true },
    fc.constantFrom(...TEXT_PIECES, ...NUMBERS, 'true', 'false', 'null'),
    fc.array(tie('value'), { maxLength: 3 }).map(items => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(fc.constantFrom(...TEXT_PIECES), tie('value')), { maxLength: 4 })
      .map(members => `{${members.map(([name, value]) => `${name}:${value}`).join(',')}}`),
  ),
})).value

const outcomeOf = (read: (text: string, maxDepth: number) => unknown, text: string) => {
  try {
    return { value: read(text, 8) }
  } catch (error) {
    if (error instanceof StrictJsonError) return { fault: error.fault }
    throw error
  }
}

describe('the quick reading', () => {
  test('gives what the strict one gives, value for value and fault for fault', () => {
    let quick = 0
    fc.assert(
      fc.property(trickyJson, text => {
        const strict = outcomeOf(readStrictly, text)
        expect(outcomeOf(parseStrictJson, text)).toStrictEqual(strict)
        const plain = parsePlainJson(text, 8)
        if (plain === undefined) return
        quick += 1
        expect({ value: plain }).toStrictEqual(strict)
      }),
      { numRuns: 5000 },
    )
    // Else nothing has been compared.
    expect(quick).toBeGreaterThan(500)
  })

  test('vouches for what an issuer writes, and for nothing with a name twice', () => {
    expect(parsePlainJson('{"a":["b",{"a":1}],"c":null}', 8)).toEqual({ a: ['b', { a: 1 }], c: null })
    for (const text of ['{"a":1,"a":1}', '{"a":"b","a":"b"}', '{"a":{"b":1},"a":{"b":1}}', '[{"":1,"":""}]']) {
      expect(parsePlainJson(text, 8), text).toBeUndefined()
    }
  })

  test('gives objects without a prototype, as the strict one does', () => {
    const read = parsePlainJson('{"a":[{}]}', 8) as { a: [object] }
    expect([Object.getPrototypeOf(read), Object.getPrototypeOf(read.a[0])]).toEqual([null, null])
  })
})

describe('faults', () => {
  test.each([
    ['{"a":1,"a":1}', 'duplicate-key'],
    ['{"a":1,"\\u0061":1}', 'duplicate-key'],
    ['[{"b":{"a":1,"c":2,"a":3}}]', 'duplicate-key'],
    ['{"":1,"":2}', 'duplicate-key'],
    ['[[[[[[[[[]]]]]]]]]', 'too-deep'],
    ['', 'syntax'],
    ['{"a":1}x', 'syntax'],
    ['[1,]', 'syntax'],
    ['{,}', 'syntax'],
    ["{'a':1}", 'syntax'],
    ['01', 'syntax'],
    ['1e999', 'syntax'],
    ['NaN', 'syntax'],
    ['"\\ud800"', 'syntax'],
    ['"\\udc00\\ud800"', 'syntax'],
    ['"\\x41"', 'syntax'],
    ['"\\u00g0"', 'syntax'],
    ['"a\nb"', 'syntax'],
    ['"open', 'syntax'],
    ['"\\', 'syntax'],
    ['\ufeff{}', 'syntax'],
    ['\u00a01', 'syntax'],
    ['[[[[[[[[]]]]]]]]', 'none'],
    ['"\\ud83d\\ude00"', 'none'],
    ['{"a":{"a":1}}', 'none'],
  ])('%j: %s', (text, fault) => {
    expect(faultOf(text)).toBe(fault)
  })
})

test('a member named __proto__ is only a member', () => {
  const read = parseStrictJson('{"__proto__":{"admin":true}}', 8) as Record<string, unknown>
  expect(read['admin']).toBeUndefined()
  expect(Object.keys(read)).toEqual(['__proto__'])
})
