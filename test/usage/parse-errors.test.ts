import { expect, test } from 'vitest'
import { judgeLine } from '../../functions/usage/parse.ts'
import { eventFields } from './support.ts'

const errorsOf = (text: string) => judgeLine(Buffer.from(text)).errors ?? []

test('of a line in which everything is wrong the misspelt field is told first, and each place once', () => {
  const { entitlementId, ...rest } = eventFields({ quantity: -1.5, id: 'with space', subject: '' }) as {
    entitlementId: string
  }
  const errors = errorsOf(JSON.stringify({ ...rest, entitlementID: entitlementId }))
  expect(errors[0]).toEqual({ pointer: '/entitlementID', detail: 'unknown field' })
  const pointers = errors.map(({ pointer }) => pointer)
  expect(pointers).toEqual([...new Set(pointers)])
  expect(pointers).toContain('/entitlementId')
})

test('a pointer is cut between two characters', () => {
  for (const length of [197, 198, 199, 200]) {
    const [error] = errorsOf(JSON.stringify({ [`${'x'.repeat(length)}\u{1f600}\u{1f600}`]: 1 }))
    expect(error?.detail).toBe('unknown field')
    expect(error?.pointer.isWellFormed()).toBe(true)
    expect(error?.pointer.length).toBeGreaterThan(197)
  }
})
