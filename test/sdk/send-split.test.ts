import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readBatch } from '../../functions/usage/read-batch.ts'
import { batchOfPart } from '../../sdk/send/part-batch.ts'
import { type FilePart, type SplitLimits, splitFile } from '../../sdk/send/split.ts'
import { line } from './send-process.ts'

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const split = (bytes: Buffer | string, limits: SplitLimits, chunk = 7): Promise<FilePart[]> =>
  Array.fromAsync(splitFile(chunked(Buffer.from(bytes), chunk), limits))

const told = (parts: readonly FilePart[]) =>
  parts.map(({ bytes, lines, skipped, end }) => ({
    text: bytes.toString(),
    lines: lines.map(found => found.line),
    skipped,
    end,
  }))

test('a mark, CRLF, blank lines and a last line without a break: numbers are those of the file', async () => {
  const file = '\uFEFF{"a":1}\r\n\n  \t\r\n{"a":2}\n\uFEFF{"a":3}\n\n{"a":4}'
  expect(told(await split(file, { maxEvents: 2, maxBytes: 1000 }))).toEqual([
    { text: '{"a":1}\r\n{"a":2}\n', lines: [1, 4], skipped: [], end: { offset: 26, line: 4 } },
    { text: '{"a":3}\n{"a":4}', lines: [5, 7], skipped: [], end: { offset: Buffer.byteLength(file), line: 7 } },
  ])
})

test('a line longer than a batch is left out by its number, and what is behind it is not lost', async () => {
  const file = `{"a":1}\n${'x'.repeat(5000)}\n{"a":2}\n${'y'.repeat(1001)}`
  expect(told(await split(file, { maxEvents: 10, maxBytes: 1000 }, 64))).toEqual([
    {
      text: '{"a":1}\n{"a":2}\n',
      lines: [1, 3],
      skipped: [
        { line: 2, bytes: 5001 },
        { line: 4, bytes: 1001 },
      ],
      end: { offset: Buffer.byteLength(file), line: 4 },
    },
  ])
})

test('nothing but blank lines is nothing', async () => {
  expect(await split('', { maxEvents: 2, maxBytes: 1000 })).toEqual([])
  expect(await split('\uFEFF\n\r\n   \n', { maxEvents: 2, maxBytes: 1000 })).toEqual([])
})

const good = line('use-1', { quantity: 7 })
const someLine = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\r',
    '\t\r',
    '{"quantity":3}',
    `${good}\r`,
    good,
    '[1]',
    'no JSON',
    '\uFEFF{}',
    `\uFEFF${good}`,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }).map(text => text.replaceAll('\n', ' ')),
)
const someFile = fc
  .tuple(fc.constantFrom('', '\uFEFF'), fc.array(someLine, { maxLength: 40 }), fc.constantFrom('', '\n'))
  .map(([mark, lines, end]) => Buffer.from(mark + lines.join('\n') + end))

test('batches depend on the bytes and the limits alone, keep both, and are what the gateway reads', async () => {
  const limits = fc.record({ maxEvents: fc.integer({ min: 1, max: 7 }), maxBytes: fc.integer({ min: 60, max: 600 }) })
  await fc.assert(
    fc.asyncProperty(someFile, limits, fc.integer({ min: 1, max: 50 }), async (file, limit, size) => {
      const parts = await split(file, limit, size)
      expect(told(await split(file, limit, 1000))).toEqual(told(parts))
      for (const part of parts) {
        expect(part.lines.length).toBeLessThanOrEqual(limit.maxEvents)
        expect(part.bytes.length).toBeLessThanOrEqual(limit.maxBytes)
        if (part.lines.length === 0) continue
        const batch = batchOfPart(part)
        const read = await readBatch({ body: part.bytes, mediaType: 'application/x-ndjson' })
        const refused = read.malformed.reduce((sum, { line }) => sum + (batch.lines[line - 1]?.quantity ?? 0), 0)
        expect({ ...read, quantity: read.quantity + refused }).toMatchObject({
          lines: batch.lines.length,
          digest: batch.digest,
          quantity: batch.quantity,
        })
      }
      const inFile = file.toString('latin1').split('\n')
      for (const { bytes, lines } of parts) {
        for (const [index, { line, start }] of lines.entries()) {
          const sent = bytes.toString('latin1', start, lines[index + 1]?.start).replace(/\n$/, '')
          expect((inFile[line - 1] ?? '').replace(/^(\xEF\xBB\xBF)+/, '')).toBe(sent)
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('what counts in the sum is what the gateway counts, or nothing where no event can be', async () => {
  const lines = [
    '{"quantity":3}',
    '{}',
    '{"quantity":0}',
    '{"quantity":1e400}',
    '{"quantity":"2"}',
    '[]',
    'x',
    `{"quantity":2,"id":"${'x'.repeat(70_000)}"}`,
  ]
  const [part] = await split(lines.join('\n'), { maxEvents: 100, maxBytes: 4_500_000 })
  if (part === undefined) throw new Error('no part')
  const { quantity, objects } = batchOfPart(part)
  expect({ quantity, objects }).toEqual({ quantity: 4, objects: 5 })
})
