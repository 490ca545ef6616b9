import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStrictJson, StrictJsonError } from '../../sdk/strict-json.ts'

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
