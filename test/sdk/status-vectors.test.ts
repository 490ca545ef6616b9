import { expect, test } from 'vitest'
import { readStatusList, statusAt } from '../../sdk/status-list.ts'
import { codeOf } from './issuer.ts'
import { describeVectors, readVectors } from './vectors.ts'

interface Vector {
  readonly bits: number
  readonly entries: number
  readonly lst: string
  /** By index; every other entry is 0. */
  readonly values: Readonly<Record<string, number>>
}

const MAX_BYTES = 1_048_576

describeVectors('status-list.json', () => {
  const { vectors } = readVectors<{ vectors: readonly Vector[] }>('status-list.json')
  const named = vectors.map(vector => [`${vector.bits} bits, ${vector.entries} entries`, vector] as const)

  test('is whole', () => expect(vectors).toHaveLength(6))

  test.each(named)('%s, value by value', (_, { bits, lst, entries, values }) => {
    const list = readStatusList({ bits, lst }, MAX_BYTES)
    expect(list.bytes).toHaveLength((entries * bits) / 8)
    const wrong: number[] = []
    for (let index = 0; index < entries; index += 1) {
      if (statusAt(list, index) !== (values[index] ?? 0)) wrong.push(index)
    }
    expect(wrong).toEqual([])
    expect(Object.keys(values).length).toBeGreaterThan(10)
  })

  test.each(named)('%s and not one more', async (_, { bits, lst, entries }) => {
    const list = readStatusList({ bits, lst }, MAX_BYTES)
    expect(await codeOf((async () => statusAt(list, entries))())).toBe('status-index-out-of-range')
    expect(await codeOf((async () => statusAt(list, -1))())).toBe('status-index-out-of-range')
  })

  test.each(named)('%s: its own size is enough, a byte less is not', async (_, { bits, lst, entries }) => {
    const bytes = (entries * bits) / 8
    expect(await codeOf((async () => readStatusList({ bits, lst }, bytes))())).toBe('accepted')
    expect(await codeOf((async () => readStatusList({ bits, lst }, bytes - 1))())).toBe('status-list-too-large')
  })

  test.each(named)('%s: spoiled encodings are refused', async (_, { bits, lst }) => {
    const read = (claim: object) => codeOf((async () => readStatusList({ bits, lst, ...claim }, MAX_BYTES))())
    const compressed = Buffer.from(lst, 'base64url')
    const spelled = (bytes: Buffer) => bytes.toString('base64url')
    expect(await read({ bits: 3 })).toBe('status-list-invalid')
    expect(await read({ bits: String(bits) })).toBe('status-list-invalid')
    expect(await read({ lst: '' })).toBe('status-list-invalid')
    expect(await read({ lst: `${lst}=` })).toBe('base64url-padded')
    expect(await read({ lst: spelled(compressed.subarray(0, -1)) })).toBe('status-list-invalid')
    expect(await read({ lst: spelled(Buffer.concat([compressed, Buffer.from([0])])) })).toBe('status-list-invalid')
    // The checksum at the end is part of the format (RFC 1950 section 2.2).
    const changed = Buffer.from(compressed)
    changed.writeUInt8((changed.at(-1) ?? 0) ^ 1, changed.length - 1)
    expect(await read({ lst: spelled(changed) })).toBe('status-list-invalid')
    // Raw DEFLATE without the ZLIB frame.
    expect(await read({ lst: spelled(compressed.subarray(2, -4)) })).toBe('status-list-invalid')
  })
})
