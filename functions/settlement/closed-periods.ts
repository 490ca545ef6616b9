import type { Period } from '../../schemas/primitives.ts'
import type { CloseRecord } from '../../schemas/settlement.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import type { Table } from '../kernel/table.ts'
import { findCloses, listClosed } from './store.ts'

type Needs = { table: Table }

/** Closes of a programme, oldest first. */
export async function closesOf({ table }: Needs, programme: string): Promise<CloseRecord[]> {
  const closes = await findCloses(table, await listClosed(table, programme))
  return closes.sort((a, b) => (a.period < b.period ? -1 : 1))
}

export const publishedCloses = async (needs: Needs, programme: string): Promise<CloseRecord[]> =>
  (await closesOf(needs, programme)).filter(({ state }) => state === 'published')

/** Periods whose dispositions are final, oldest first, with the identity under which they stand. */
export async function closedPeriods(needs: Needs, programme: string): Promise<{ period: Period; identity: string }[]> {
  return (await closesOf(needs, programme))
    .filter(({ state }) => state !== 'cutoff')
    .map(({ period, identity }) => ({ period, identity }))
}

/** The period in which late events are accounted: the first one that no cutoff has closed. */
export async function oldestOpenPeriod(
  { table }: Needs,
  { id, firstPeriod }: { id: string; firstPeriod: Period },
): Promise<Period> {
  const last = (await listClosed(table, id)).at(-1)
  return last ? nextPeriod(last.period) : firstPeriod
}
