import { minorUnitDigits } from '../../schemas/money.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Language } from '../portal/language.ts'
import { exactNumber } from '../settlement/rational.ts'
import { barChart, type Chart, otherTone, toneAt, warningTone } from './charts.ts'
import type { StaffVisit } from './desk.ts'
import type { Economics } from './economics.ts'
import { moneyIn, numberIn } from './formats.ts'
import type { MonthData } from './month-data.ts'
import type { ReasonCount } from './month-exceptions.ts'
import { brandAmounts, usageNames } from './month-sheets.tsx'
import type { UsageByDay } from './month-usage.ts'

export type Picture = { chart: Chart; caption: string }
type Visit = Pick<StaffVisit, 'language' | 'words'>

/** More bars than these do not fit a picture: the table has them all. */
const mostBars = 15

const exactly = (language: Language, currency: string) => (amountMinor: number) =>
  moneyIn(language, { amountMinor, currency })

/** For an axis, where the size counts and not each unit. */
const shortly = (language: Language, currency: string) => {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency, notation: 'compact' })
  const unit = 10 ** minorUnitDigits(currency)
  return (amountMinor: number) => format.format(amountMinor / unit)
}

/** One for each currency. */
export async function amountCharts({ language, words }: Visit, data: MonthData): Promise<Picture[]> {
  const { names } = data
  const byCurrency = Map.groupBy(brandAmounts(data), ({ currency }) => currency)
  return Promise.all(
    [...byCurrency].map(async ([currency, all]) => {
      const rows = all.slice(0, mostBars)
      const caption = words.months.amountsChart(names.month, currency)
      const chart = await barChart({
        label: caption,
        categories: rows.map(row => names.brand(row.brand)),
        series: [{ name: words.months.net, values: rows.map(row => row.netMinor), tone: toneAt(0) }],
        lying: true,
        short: shortly(language, currency),
        exact: exactly(language, currency),
      })
      return { chart, caption }
    }),
  )
}

export async function usageChart(visit: Visit, data: MonthData, usage: UsageByDay): Promise<Picture> {
  const { language, words } = visit
  const caption = words.months.usageChart(data.names.month)
  const matched = usageNames(visit, data, usage).map((name, place) => ({
    name,
    values: usage.rows.map(row => row.matched[place] ?? 0),
    tone: place < usage.benefits.length ? toneAt(place) : otherTone,
  }))
  const unmatched = { name: words.months.unmatched, values: usage.rows.map(row => row.unmatched), tone: warningTone }
  const chart = await barChart({
    label: caption,
    categories: usage.rows.map(row => (row.day ? dayNumber(row.day, data.picture.period) : '…')),
    series: [...matched, ...(usage.rows.some(row => row.unmatched > 0) ? [unmatched] : [])],
    short: value => numberIn(language, value),
  })
  return { chart, caption }
}

const dayNumber = (day: string, period: Period): string => String(Number(day.slice(period.length + 1)))

export async function exceptionsChart(
  { language, words }: Visit,
  { names }: MonthData,
  rows: readonly ReasonCount[],
): Promise<Picture> {
  const caption = words.months.exceptionsChart(names.month)
  const chart = await barChart({
    label: caption,
    categories: rows.map(({ reason }) => words.months.reasons[reason]),
    series: [{ name: words.months.lines, values: rows.map(({ lines }) => lines), tone: warningTone }],
    lying: true,
    short: value => (Number.isInteger(value) ? numberIn(language, value) : ''),
    exact: value => numberIn(language, value),
  })
  return { chart, caption }
}

/** Fees beside cost for each plan, one picture for each currency. */
export async function economicsCharts(
  { language, words }: Visit,
  { names }: MonthData,
  all: readonly Economics[],
): Promise<Picture[]> {
  const text = words.months
  return Promise.all(
    all
      .filter(({ plans }) => plans.length > 0)
      .map(async ({ currency, plans }) => {
        const shown = plans.slice(0, mostBars)
        const caption = text.economicsChart(names.month, currency)
        const chart = await barChart({
          label: caption,
          categories: shown.map(({ plan }) => names.plan(plan)),
          series: [
            { name: text.fees, values: shown.map(plan => exactNumber(plan.feesMinor)), tone: toneAt(0) },
            { name: text.cost, values: shown.map(plan => exactNumber(plan.costMinor)), tone: toneAt(1) },
          ],
          lying: true,
          short: shortly(language, currency),
          exact: exactly(language, currency),
        })
        return { chart, caption }
      }),
  )
}
