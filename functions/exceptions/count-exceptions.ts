import { ExceptionReason, ExceptionState } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { type QueuePart, queuePage } from './store.ts'

/** How many exceptions a month has, by what is wrong and how far the decision is. */
export type ExceptionCount = { reason: ExceptionReason; state: ExceptionState; count: number; isWhole: boolean }

/** Beyond so many of a reason and state nobody counts on a page: `isWhole` then says that there are more. */
const mostCounted = 10_000

/** From the index, which may lag a moment behind; reasons and states that none has are left out. */
export async function countExceptions(
  { table }: { table: Table },
  { programme, period }: { programme: string; period: Period },
): Promise<ExceptionCount[]> {
  const parts = ExceptionReason.options.flatMap(reason =>
    ExceptionState.options.map(state => ({ audience: { programme }, reason, state, period })),
  )
  const counts = await Promise.all(
    parts.map(async part => ({ reason: part.reason, state: part.state, ...(await countPart(table, part)) })),
  )
  return counts.filter(({ count }) => count > 0)
}

async function countPart(table: Table, part: QueuePart): Promise<Pick<ExceptionCount, 'count' | 'isWhole'>> {
  let count = 0
  let cursor: string | undefined
  do {
    const page = await queuePage(table, part, { limit: 1_000, cursor })
    count += page.ids.length
    cursor = page.next
  } while (cursor && count < mostCounted)
  return { count, isWhole: cursor === undefined }
}
