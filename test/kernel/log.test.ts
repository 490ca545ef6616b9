import { expect, test } from 'vitest'
import { errorFields } from '../../functions/kernel/log.ts'

test('an error is logged by its name and place, and no line of its message', () => {
  const told = JSON.stringify(errorFields(new RangeError('first line-secret\nsecond person-secret')))
  expect(told).toContain('RangeError')
  expect(told).toContain('log.test.ts')
  expect(told).not.toMatch(/secret/)
})

test('what is no error is told by its type only', () => {
  expect(errorFields('a secret')).toEqual({ error: 'string' })
})
