import type { StatusFamily, StatusIndex } from '../../schemas/status-list.ts'
import type { Random } from '../kernel/ids.ts'
import { passOverConflict, type Table } from '../kernel/table.ts'
import { indexOfDraw } from './status-order.ts'
import { countDraw, createFamily } from './status-store.ts'

type Needs = { table: Table; random: Random }

/**
 * An index of the partner's lists that nobody has had or will have. Draws are counted and the count is permuted, so
 * nothing need be claimed, tried again or given back: a draw whose change is then not committed leaves one place unused.
 */
export async function drawStatusIndex({ table, random }: Needs, partner: string): Promise<StatusIndex> {
  const drawn = await countDraw(table, partner)
  if (drawn) return drawnIndex(drawn)
  const orderKey = Buffer.from(random(32)).toString('base64url')
  // A rival may have begun the partner's lists meanwhile: its key holds.
  await createFamily(table, { partner, drawn: 0, orderKey }).catch(passOverConflict)
  const first = await countDraw(table, partner)
  if (!first) throw new Error(`the status lists of ${partner} are gone`)
  return drawnIndex(first)
}

const drawnIndex = ({ orderKey, drawn }: StatusFamily): StatusIndex =>
  indexOfDraw(Buffer.from(orderKey, 'base64url'), drawn - 1)
