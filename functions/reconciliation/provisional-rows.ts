import { gunzipSync, gzipSync } from 'node:zlib'
import { type LineKind, type ProvisionalBatch, ProvisionalRows } from '../../schemas/usage-view.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { type JudgedLine, reported } from './judged-lines.ts'

/** 10,000 lines have some 40 KB uncompressed, a batch of nothing but reversals a megabyte. */
const inflatedLimit = 8_000_000

/** What is stored of a batch's lines: what became of them, and of the lines only what they do not tell themselves. */
export function batchOf(lines: readonly JudgedLine[]): ProvisionalBatch {
  const [first] = lines
  if (!first) throw new Error('a batch has lines')
  const { kinds, rows } = kindsOf(lines)
  const takenBack = lines.flatMap(({ line, disposition, event, quantity, amount }) =>
    disposition === 'matched' && event?.type === 'reversal' ? [{ line, quantity, ...(amount && { amount }) }] : [],
  )
  const content = { kinds, rows, takenBack }
  return {
    partner: first.partner,
    sequence: first.sequence,
    kinds,
    hash: hashOf(content),
    data: gzipSync(JSON.stringify({ rows, takenBack })),
  }
}

/** The kinds of these lines, each with its number, and for each line the index of its kind. */
export function kindsOf(lines: readonly JudgedLine[]): { kinds: LineKind[]; rows: number[] } {
  const kinds: LineKind[] = []
  const indexes = new Map<string, number>()
  const rows = lines.map(({ disposition, final, programme, period }) => {
    const key = `${disposition}\n${final}\n${programme}\n${period}`
    const index = indexes.get(key) ?? kinds.length
    indexes.set(key, index)
    const belonging = { ...(programme !== undefined && { programme }), ...(period !== undefined && { period }) }
    const kind = kinds[index] ?? { disposition, final, ...belonging, lines: 0 }
    kinds[index] = { ...kind, lines: kind.lines + 1 }
    return index
  })
  return { kinds, rows }
}

/** @throws when the lines are not those of the batch */
export function joinBatch(stored: ProvisionalBatch, lines: readonly ReceivedLine[]): JudgedLine[] {
  const text = gunzipSync(stored.data, { maxOutputLength: inflatedLimit }).toString()
  const { rows, takenBack } = ProvisionalRows.parse(JSON.parse(text))
  const taken = new Map(takenBack.map(({ line, quantity, amount }) => [line, { quantity, ...(amount && { amount }) }]))
  if (rows.length !== lines.length)
    throw new Error(`batch ${stored.sequence} of ${stored.partner} is stored with ${rows.length} lines`)
  return lines.map((line, index) => {
    const kind = stored.kinds[rows[index] ?? -1]
    if (!kind) throw new Error(`line ${line.line} of batch ${stored.sequence} is of no kind`)
    const { lines: _lines, programme, period, ...rest } = kind
    return {
      ...line,
      ...rest,
      ...(programme !== undefined && { programme }),
      ...(period !== undefined && { period }),
      ...(taken.get(line.line) ?? reported(line)),
    }
  })
}
