import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { measure, type Place, slicesOf } from '../../functions/usage/drop-lines.ts'
import { type DropLimits, dropLimits } from '../../schemas/drop.ts'
import { splitFile } from '../../sdk/send/split.ts'

async function* inPieces(body: Uint8Array, size: number) {
  for (let start = 0; start < body.byteLength; start += size) yield body.subarray(start, start + size)
}
const start: Place = { bytes: 0, lines: 0 }
const slices = (body: Uint8Array, size: number, from = start, limits: DropLimits = dropLimits) =>
  Array.fromAsync(slicesOf(inPieces(body.subarray(from.bytes), size), from, limits))
const text = async (body: string, size = 7) =>
  (await slices(Buffer.from(body), size)).map(slice => Buffer.from(slice.body).toString()).join('')

describe('slices', () => {
  it('are the same for any pieces, and from the end of any slice on', async () => {
    const line = fc.oneof(fc.constantFrom('', '\r', ' \t', '\ufeff', 'a\r'), fc.string({ maxLength: 12 }))
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.integer({ min: 1, max: 50 }), async (lines, size) => {
        const body = Buffer.from(lines.join('\n'))
        const limits = { ...dropLimits, batchLines: 3, batchBytes: 40 }
        const whole = await slices(body, body.byteLength + 1, start, limits)
        expect(await slices(body, size, start, limits)).toEqual(whole)
        for (const [index, { end }] of whole.entries())
          expect(await slices(body, size, end, limits)).toEqual(whole.slice(index + 1))
        const found = await measure(inPieces(body, size), dropLimits)
        expect(found.lines - found.blankLines).toBe(whole.flatMap(({ numbers }) => numbers).length)
        expect(found.bytes).toBe(body.byteLength)
      }),
      { numRuns: 200 },
    )
  })

  it('leave out line breaks, blank lines and the mark of the file', async () => {
    expect(await text('\ufeffa\r\n\n \t\r\nb\n\rc')).toBe('a\nb\n\rc\n')
    expect(await text('\ufeff')).toBe('')
    // A mark further down is the line's own, and stays so when it begins a batch.
    expect(await text('a\n\ufeffb')).toBe('a\n\ufeffb\n')
    const [, second] = await slices(Buffer.from('a\n\ufeffb'), 9, start, { ...dropLimits, batchLines: 1 })
    expect(Buffer.from(second?.body ?? []).toString()).toBe('\n\ufeffb\n')
  })

  it('keep of an over-long line what shows that it is one', async () => {
    const keeps = async (line: string) => (await text(`${line}\nb`, 10_007)).split('\n')[0]?.length
    expect(await keeps('x'.repeat(10_000_000))).toBe(65_537)
    expect(await keeps('x'.repeat(65_537))).toBe(65_537)
    expect(await keeps('x'.repeat(65_536))).toBe(65_536)
    expect(await keeps(`${'x'.repeat(65_536)}\r`)).toBe(65_536)
    expect(await keeps(`${'x'.repeat(65_536)}\ry`)).toBe(65_537)
    expect(await keeps(' '.repeat(10_000_000))).toBe(1)
    const hidden = await text(`${' '.repeat(100_000)}{}\n`, 10_007)
    expect(hidden.trim()).toBe('{')
    expect(hidden.length).toBe(65_538)
  })

  it('of a plain file are the batches that the kit sends of it', async () => {
    const body = Buffer.from(
      Array.from({ length: 25_000 }, (_, index) => `{"n":"${'x'.repeat(index % 700)}"}\n`).join(''),
    )
    const limits = { maxEvents: dropLimits.batchLines, maxBytes: dropLimits.batchBytes }
    const sent = await Array.fromAsync(splitFile(inPieces(body, 65_536), limits))
    const cut = await slices(body, 65_536)
    expect(cut.length).toBeGreaterThan(2)
    expect(cut.map(slice => sha256(slice.body))).toEqual(sent.map(part => sha256(part.bytes)))
  })
})
