import type { Manifest } from '../../schemas/usage.ts'
import { notACursor } from '../kernel/refusal.ts'
import type { Page, Table } from '../kernel/table.ts'
import { findHead, manifestsBetween } from './store.ts'

type Needs = { table: Table }

/**
 * A partner's batches, newest first; the cursor names the last one shown.
 * @throws Refusal invalid-request for a cursor that no page gave
 */
export async function listBatches(
  { table }: Needs,
  { partner, limit, cursor }: { partner: string; limit: number; cursor?: string | undefined },
): Promise<Page<Manifest>> {
  const newest = cursor === undefined ? ((await findHead(table, partner))?.sequence ?? 0) : sequenceOf(cursor) - 1
  const oldest = Math.max(1, newest - limit + 1)
  if (newest < oldest) return { items: [] }
  const items = (await Array.fromAsync(manifestsBetween(table, partner, oldest, newest))).reverse()
  return { items, ...(oldest > 1 && items.length > 0 && { next: cursorOf(oldest) }) }
}

const cursorOf = (sequence: number): string => Buffer.from(`batch ${sequence}`).toString('base64url')

function sequenceOf(cursor: string): number {
  const sequence = Number(/^batch ([1-9]\d{0,11})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1])
  if (!sequence || cursorOf(sequence) !== cursor) throw notACursor()
  return sequence
}
