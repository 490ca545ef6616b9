import { Refusal } from '../kernel/refusal.ts'
import { monthDispositions } from '../settlement/month-picture.ts'
import { periodJournal } from '../settlement/payments-journal.ts'
import { knownPeriod } from '../settlement/periods.ts'
import type { StaffPage } from './desk.ts'
import { economicsSheet, economicsWarnings, monthEconomics } from './economics-sheet.tsx'
import { amountCharts, economicsCharts, exceptionsChart, usageChart } from './month-charts.ts'
import { loadMonth, loadNames, monthOf } from './month-data.ts'
import { exceptionsOf } from './month-exceptions.ts'
import { amountsSheet, exceptionsSheet, statementsSheet, usageSheet } from './month-sheets.tsx'
import { usageByDay } from './month-usage.ts'
import { changesSheet, linesSheet } from './preview-sheets.tsx'
import { fileOf, type Sheet, sheetDownload } from './tables.tsx'
import { monthView } from './views/month.tsx'

/** What a month costs and why. */
export const showMonth: StaffPage = async (desk, visit) => {
  const data = await loadMonth(desk, visit)
  const { programme, period } = data.picture
  const usage = await usageByDay(desk, { programme, period })
  const exceptions = await exceptionsOf(desk, data.picture)
  const economics = await monthEconomics(desk, data)
  const sheets = {
    amounts: amountsSheet(visit, data),
    usage: usageSheet(visit, data, usage),
    exceptions: exceptionsSheet(visit, data.picture, exceptions.rows),
    economics: economicsSheet(visit, data, economics),
    statements: statementsSheet(visit, data),
  }
  const pictures = {
    amounts: sheets.amounts.isEmpty ? [] : await amountCharts(visit, data),
    usage: sheets.usage.isEmpty ? [] : [await usageChart(visit, data, usage)],
    exceptions: exceptions.rows.length > 0 ? [await exceptionsChart(visit, data, exceptions.rows)] : [],
    economics: sheets.economics.isEmpty ? [] : await economicsCharts(visit, data, economics),
  }
  const warnings = economicsWarnings(visit, data, economics)
  return { view: monthView(visit, { data, sheets, pictures, exceptions, warnings, waiting: usage.waiting }) }
}

/** Exactly what is on screen, as a file; the ledger's journal besides. @throws Refusal not-found for other files */
export const downloadMonthTable: StaffPage = async (desk, visit) => {
  const closing = monthOf(visit)
  const file = visit.parameters['file'] ?? ''
  const title = `${closing.programme}-${closing.period}`
  if (file === 'journal.txt') {
    await knownPeriod(desk.settlement, closing)
    const body = await periodJournal(desk, closing)
    return { download: { name: `${title}-journal.txt`, type: 'text/plain; charset=utf-8', body } }
  }
  const { name, form } = fileOf(file)
  const make = makers.get(name)
  if (!make) throw new Refusal('not-found')
  return sheetDownload(await make(desk, visit), `${title}-${name}`, form)
}

type Maker = (...page: Parameters<StaffPage>) => Promise<Sheet>
/** Each loads what its own table needs. */
const makers = new Map<string, Maker>([
  ['amounts', async (desk, visit) => amountsSheet(visit, await loadMonth(desk, visit))],
  [
    'usage',
    async (desk, visit) => {
      const names = await loadNames(desk, visit)
      return usageSheet(visit, { names }, await usageByDay(desk, monthOf(visit)))
    },
  ],
  [
    'exceptions',
    async (desk, visit) => {
      const judged = await monthDispositions(desk.settlement, monthOf(visit))
      return exceptionsSheet(visit, judged, (await exceptionsOf(desk, judged)).rows)
    },
  ],
  [
    'economics',
    async (desk, visit) => {
      const data = await loadMonth(desk, visit, { compared: false })
      return economicsSheet(visit, data, await monthEconomics(desk, data))
    },
  ],
  ['changes', async (desk, visit) => changesSheet(visit, await loadMonth(desk, visit))],
  ['lines', async (desk, visit) => linesSheet(visit, await loadMonth(desk, visit))],
  ['statements', async (desk, visit) => statementsSheet(visit, await loadMonth(desk, visit, { compared: false }))],
])
