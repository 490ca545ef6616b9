import { expect, it } from 'vitest'
import { isSameItem } from '../../functions/kernel/table.ts'

const isSame = (one: unknown, other: unknown) => isSameItem({ value: one }, { value: other })

it('takes items for the same however the database gives their numbers and bytes back', () => {
  expect(isSame(5, 5n)).toBe(true)
  expect(isSame(Buffer.from('abc'), new Uint8Array([97, 98, 99]))).toBe(true)
  expect(isSame({ a: [1, { b: undefined }] }, { a: [1n, {}] })).toBe(true)
})

it('does not take a text for the number or the bytes that it spells, nor a list for another', () => {
  const bytes = Buffer.from('abc')
  for (const [one, other] of [
    [5, 'number 5'],
    [5, '5'],
    [5, ['number', '5']],
    [bytes, bytes.toString('base64')],
    [bytes, ['bytes', bytes.toString('base64')]],
    [[5], ['list', 5]],
    [[], {}],
    [null, undefined],
    [2n ** 60n, Number(2n ** 60n) + 200],
  ])
    expect(isSame(one, other), `${one} and ${other}`).toBe(false)
})
