import type { Disposition } from '../../schemas/disposition.ts'
import type { Day, Period } from '../../schemas/primitives.ts'
import type { StoredDay } from '../../schemas/usage-view.ts'
import { type Days, daysOf } from './days.ts'
import type { JudgedLine } from './judged-lines.ts'

/** Lines of a period that are alike in all this, and what they come to. */
export type DaySum = {
  day?: Day
  programme: string
  benefit?: string
  disposition: Disposition
  currency?: string
  lines: number
  quantity: bigint
  amountMinor: bigint
}

export type DaySums = {
  add(line: JudgedLine): void
  periods(): Period[]
  /** In the order of `dayKey`. */
  of(period: Period): DaySum[]
}

/**
 * A partner that reports many days or benefits that are none gets no more rows than these: lines beyond share one row
 * for each programme, disposition and currency, so that the sums stay those of the details.
 */
const defaultRows = 100_000

/** Which calendar day a programme's line belongs to. */
export type DayOf = (line: Pick<JudgedLine, 'programme' | 'event'>) => Day | undefined

export function daysOfProgrammes(programmes: readonly { id: string; timeZone: string }[]): DayOf {
  const zones = new Map<string, Days>(programmes.map(({ id, timeZone }) => [id, daysOf(timeZone)]))
  return ({ programme, event }) => event && zones.get(programme ?? '')?.dayOf(event.occurredAt)
}

/** Sums by day, of lines that come one at a time; lines of no programme are left out. */
export function daySums(dayOf: DayOf, { rows: mostRows = defaultRows } = {}): DaySums {
  const periods = new Map<Period, Map<string, DaySum>>()
  let rows = 0
  return {
    add(line) {
      const { programme, period, event, disposition, quantity, amount } = line
      if (programme === undefined || period === undefined || !event) return
      const sums = periods.get(period) ?? new Map<string, DaySum>()
      periods.set(period, sums)
      const common = { programme, disposition, ...(amount && { currency: amount.currency }) }
      const day = dayOf(line)
      const own = { ...common, ...(day && { day }), benefit: event.benefit }
      const place = rows < mostRows || sums.has(dayKey(own)) ? own : common
      const key = dayKey(place)
      const sum = sums.get(key) ?? { ...place, lines: 0, quantity: 0n, amountMinor: 0n }
      if (sum.lines === 0) rows++
      sum.lines++
      sum.quantity += BigInt(quantity)
      sum.amountMinor += BigInt(amount?.amountMinor ?? 0)
      sums.set(key, sum)
    },
    periods: () => [...periods.keys()].sort(),
    of: period => [...(periods.get(period) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum),
  }
}

/** None of its parts may hold a line break. Sorts by day; what has no day comes first. */
export const dayKey = ({
  day = '' as Day,
  programme,
  benefit = '',
  disposition,
  currency = '',
}: Pick<DaySum, 'day' | 'programme' | 'benefit' | 'disposition' | 'currency'>): string =>
  [day, programme, benefit, disposition, currency].join('\n')

export const storedDay = ({ quantity, amountMinor, ...sum }: DaySum): StoredDay => ({
  ...sum,
  quantity: String(quantity),
  amountMinor: String(amountMinor),
})

export const daySumOf = ({ day, benefit, currency, quantity, amountMinor, ...sum }: StoredDay): DaySum => ({
  ...sum,
  ...(day !== undefined && { day }),
  ...(benefit !== undefined && { benefit }),
  ...(currency !== undefined && { currency }),
  quantity: BigInt(quantity),
  amountMinor: BigInt(amountMinor),
})
