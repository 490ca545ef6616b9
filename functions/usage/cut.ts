import type { Period } from '../../schemas/primitives.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { emptyHead } from './receive.ts'
import { commitCut, findCut, findHead } from './store.ts'

type Needs = { table: Table }
type CutRequest = { programme: string; period: Period; partners: string[] }

/**
 * Cuts each partner's chain for a close: batches up to the cut belong to it, and every later batch knows that the
 * period is no longer open. Asked again, it gives the cuts that were made the first time.
 */
export async function cutUsage({ table }: Needs, { programme, period, partners }: CutRequest): Promise<UsageCut[]> {
  const cuts: UsageCut[] = []
  for (const partner of [...new Set(partners)].sort())
    cuts.push(await againOnConflict(() => cutPartner({ table }, { programme, period, partner }), 10))
  return cuts
}

async function cutPartner(
  { table }: Needs,
  { programme, period, partner }: { programme: string; period: Period; partner: string },
): Promise<UsageCut> {
  const made = await findCut(table, programme, period, partner)
  if (made) return made
  const before = (await findHead(table, partner)) ?? emptyHead(partner, {})
  const cut: UsageCut = { programme, period, partner, sequence: before.sequence, hash: before.hash }
  const open = before.oldestOpen[programme]
  const after = nextPeriod(period)
  await commitCut(table, cut, {
    ...before,
    version: before.version + 1,
    oldestOpen: { ...before.oldestOpen, [programme]: open !== undefined && open > after ? open : after },
  })
  return cut
}
