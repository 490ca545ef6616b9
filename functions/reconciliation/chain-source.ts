import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { batchesBetween, piecesOfBatch } from '../usage/read.ts'

/** What all lines of a batch have in common. */
export type SourceBatch = {
  id: string
  sequence: number
  lines: number
  receivedAt: Instant
  oldestOpen: Record<string, Period>
}

/** Some lines of a batch, in their order. */
export type SourcePiece = {
  firstLine: number
  texts: string[]
  /** Numbers within the batch of those that are malformed, ascending. */
  malformed: readonly number[]
}

/** Where a run reads a partner's chain. */
export type ChainSource = {
  /** In the order of the chain, both ends included. @throws when a sequence is missing */
  batches(range: { from: number; upTo: number }): AsyncIterable<SourceBatch>
  /** All lines of a batch in their order. @throws when they are not as many as the batch says */
  pieces(batch: SourceBatch): AsyncIterable<SourcePiece>
}

export const tableSource = ({ table }: { table: Table }, partner: string): ChainSource => ({
  batches: range => batchesBetween({ table }, { partner, ...range }),
  pieces: batch => piecesOfBatch({ table }, { partner, ...batch }),
})

/** Reads one item ahead, so that reading goes on while the last item is worked on. */
export async function* ahead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const source = items[Symbol.asyncIterator]()
  let next = source.next()
  try {
    for (let { done, value } = await next; !done; { done, value } = await next) {
      next = source.next()
      // Its failure is told to who asks for it.
      next.catch(() => undefined)
      yield value
    }
  } finally {
    await source.return?.()
  }
}
