import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { marked } from '../../functions/tokens/mark-statuses.ts'
import {
  chunkBytes,
  chunkSize,
  encoded,
  setStatus,
  statusAt,
  statusBits,
  wholeList,
} from '../../functions/tokens/status-list.ts'
import { statusListSize, type TokenStatus, tokenStatus } from '../../schemas/status-list.ts'
import { decoded, packed, type StatusBits, statusOfWidth } from '../support/status-bits.ts'

type Vectors = { vectors: { bits: StatusBits; entries: number; lst: string; values: Record<string, number> }[] }
const file = join(import.meta.dirname, '../../../shared/vectors/status-list.json')
const present = existsSync(file)
if (!present) console.warn(`SKIPPED: the status list draft's encodings are not there (${file})`)

/** Lists here have two bits a status and are read as the gateway does. */
const statusIn = (bytes: Uint8Array, index: number, bits: StatusBits) =>
  bits === statusBits ? statusAt(bytes, index) : statusOfWidth(bytes, index, bits)

describe.runIf(present)("the draft's encodings", () => {
  const { vectors } = present ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors) : { vectors: [] }

  it('are all six', () => expect(vectors.length).toBe(6))

  it.each(vectors.map(vector => [`${vector.bits} bits, ${vector.entries} entries`, vector] as const))(
    '%s',
    (_, one) => {
      const { bits, entries, lst, values } = one
      const bytes = decoded(lst, (entries * bits) / 8)
      expect(bytes.length).toBe((entries * bits) / 8)
      const wrong: number[] = []
      for (let index = 0; index < entries; index++)
        if (statusIn(bytes, index, bits) !== (values[index] ?? 0)) wrong.push(index)
      expect(wrong).toEqual([])
      expect(statusIn(bytes, entries, bits)).toBeUndefined()
      const statuses = Uint8Array.from({ length: entries }, (_, index) => values[index] ?? 0)
      expect(Buffer.compare(packed(statuses, bits), bytes)).toBe(0)
      // Compressors differ in their bytes, not in what they say.
      expect(Buffer.compare(decoded(encoded(bytes), bytes.length), bytes)).toBe(0)
      expect(encoded(bytes).length).toBeLessThan(lst.length * 1.1 + 2)
    },
  )
})

describe('an encoding', () => {
  it('gives back what it was given, at every width', () => {
    const widths = fc.constantFrom<StatusBits>(1, 2, 4, 8)
    const lists = widths.chain(bits =>
      fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { maxLength: 300 }).map(statuses => ({ bits, statuses })),
    )
    fc.assert(
      fc.property(lists, ({ bits, statuses }) => {
        const bytes = decoded(encoded(packed(statuses, bits)), 300)
        expect(statuses.map((_, index) => statusIn(bytes, index, bits))).toEqual(statuses)
      }),
    )
  })

  it('sets one status and no other', () => {
    const bytes = packed([0, 1, 2, 3, 3, 2, 1, 0], 2)
    setStatus(bytes, 4, tokenStatus.suspended)
    setStatus(bytes, 1, tokenStatus.valid)
    expect(Array.from({ length: 8 }, (_, index) => statusAt(bytes, index))).toEqual([0, 0, 2, 3, 2, 2, 1, 0])
  })

  it('that would inflate to more than it may is refused', () => {
    const bomb = deflateSync(new Uint8Array(50_000_000)).toString('base64url')
    expect(() => decoded(bomb, statusListSize / 4)).toThrow()
    expect(() => decoded(Buffer.from('no zlib').toString('base64url'), 1000)).toThrow()
  })

  it('of a whole list puts each chunk in its place', () => {
    const data = new Uint8Array(chunkBytes)
    setStatus(data, 5, tokenStatus.invalid)
    const bytes = wholeList([{ chunk: 31, data }])
    expect([bytes.length, statusAt(bytes, 31 * chunkSize + 5), statusAt(bytes, 5)]).toEqual([65_536, 1, 0])
  })
})

describe('a mark', () => {
  const mark = (index: number, status: TokenStatus) => ({ partner: 'youku', at: { list: 1, index }, status })
  const chunkOf = (status: TokenStatus) => {
    const data = new Uint8Array(chunkBytes)
    setStatus(data, 9, status)
    return data
  }

  it.each([
    [0, 0, undefined],
    [0, 1, 1],
    [0, 2, 2],
    [2, 0, 0],
    [2, 1, 1],
    [2, 2, undefined],
    [1, 0, undefined],
    [1, 1, undefined],
    [1, 2, undefined],
  ] as [TokenStatus, TokenStatus, TokenStatus | undefined][])('over %i of %i leaves %s', (before, status, after) => {
    const bytes = marked(chunkOf(before), [mark(chunkSize + 9, status)])
    expect(bytes && statusAt(bytes, 9)).toBe(after)
  })

  it('that comes twice in one batch ends as invalid, whatever the order', () => {
    for (const marks of [
      [mark(9, 1), mark(9, 0)],
      [mark(9, 0), mark(9, 1)],
      [mark(9, 2), mark(9, 1), mark(9, 0)],
    ])
      expect(statusAt(marked(undefined, marks) ?? new Uint8Array(), 9)).toBe(1)
  })
})
