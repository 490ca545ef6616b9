import type { Day, Period } from '../../schemas/primitives.ts'
import { periodDays } from '../kernel/calendar.ts'
import { Refusal } from '../kernel/refusal.ts'
import { allPartners } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { judgedChain } from '../reconciliation/judged-chain.ts'
import type { DaySum } from '../reconciliation/usage-days.ts'
import type { Desk } from './desk.ts'

/** Events of a programme's month by day. */
export type UsageByDay = {
  /** Benefits with matched events, the most used first; beyond the first ones they share the last column. */
  benefits: string[]
  hasMore: boolean
  rows: UsageRow[]
  /** Partners whose reports are being reconciled: their events are not in it yet. */
  waiting: string[]
}
export type UsageRow = {
  /** Undefined for events of other days than the month's, which were reported late. */
  day: Day | undefined
  /** Matched events of each of the benefits, then of all others. */
  matched: number[]
  unmatched: number
  total: number
}

type Asked = { programme: string; period: Period }

/**
 * What the programme's partners reported for a month. Each partner's chain is read as far as the stream's runs have judged it; short
 * ones are judged at once.
 */
export async function usageByDay(desk: Desk, { programme, period }: Asked): Promise<UsageByDay> {
  const partners = await reportersOf(desk, programme)
  const sums: DaySum[] = []
  const waiting: string[] = []
  for (const partner of partners.toSorted()) {
    const chain = await judgedChain(desk.exceptions, { partner }).catch(passOverBusy)
    if (!chain) waiting.push(partner)
    else sums.push(...(await chain.days(period)).filter(sum => sum.programme === programme))
  }
  return { ...usageTable(sums, period), waiting }
}

/** Partners that serve a benefit of the programme, or whose brand a contract of it names. */
async function reportersOf(desk: Desk, programme: string): Promise<string[]> {
  const { benefits } = await findProgramme(desk, programme)
  const contracts = await desk.settlement.contractsOf(programme)
  const serving = new Set(benefits.map(({ partner }) => partner))
  const brands = new Set(contracts.flatMap(({ payer, payee }) => [payer, payee]))
  const partners = await allPartners(desk)
  return partners.filter(({ id, brand }) => serving.has(id) || brands.has(brand)).map(({ id }) => id)
}

function passOverBusy(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'busy')) throw error
}

/** More than that many colours nobody tells apart. */
const mostBenefits = 6

/** Days of the month in their order, each of them, then one row for other days, if events have any. */
export function usageTable(sums: readonly DaySum[], period: Period): Omit<UsageByDay, 'waiting'> {
  const used = new Map<string, number>()
  for (const { benefit = '', disposition, lines } of sums)
    if (disposition === 'matched') used.set(benefit, (used.get(benefit) ?? 0) + lines)
  const byUse = [...used].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([benefit]) => benefit)
  const benefits = byUse.slice(0, byUse.length > mostBenefits ? mostBenefits - 1 : mostBenefits)
  const hasMore = byUse.length > benefits.length
  const empty = (day: Day | undefined): UsageRow => ({
    day,
    matched: Array.from({ length: benefits.length + (hasMore ? 1 : 0) }, () => 0),
    unmatched: 0,
    total: 0,
  })
  const rows = new Map(daysOfMonth(period).map(day => [day as Day | undefined, empty(day)]))
  const other = empty(undefined)
  for (const { day, benefit = '', disposition, lines } of sums) {
    const row = rows.get(day) ?? other
    const place = benefits.indexOf(benefit)
    row.total += lines
    if (disposition === 'matched') {
      const column = place < 0 ? benefits.length : place
      row.matched[column] = (row.matched[column] ?? 0) + lines
    } else row.unmatched += lines
  }
  return { benefits, hasMore, rows: [...rows.values(), ...(other.total > 0 ? [other] : [])] }
}

function daysOfMonth(period: Period): Day[] {
  const count = Number(periodDays(period).last.slice(-2))
  return Array.from({ length: count }, (_, index) => `${period}-${String(index + 1).padStart(2, '0')}` as Day)
}
