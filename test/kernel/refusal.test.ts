import { expect, test } from 'vitest'
import { requireVersion } from '../../functions/kernel/refusal.ts'

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  [undefined, 3],
  ['"3"', 3],
  ['"0"', undefined],
  ['*', 3],
])('If-Match %s holds for version %s', (ifMatch, version) => {
  expect(() => requireVersion(ifMatch, version)).not.toThrow()
})

test.each<[string, number | undefined]>([
  ['"2"', 3],
  ['W/"3"', 3],
  ['"0"', 3],
  ['*', undefined],
])('If-Match %s does not hold for version %s', (ifMatch, version) => {
  expect(() => requireVersion(ifMatch, version)).toThrow(expect.objectContaining({ code: 'version-mismatch' }))
})
