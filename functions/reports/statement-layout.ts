import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { majorAmount } from './amount.ts'

/** A4 in points. */
export const page = { width: 595.28, height: 841.89, margin: 48, bottom: 72 }
export const rowHeight = 27
/** What stands above the first row of the table, on the first page and on the others. */
export const tableTop = { first: 316, other: 116 }
/** The totals, the signatures and the hashes stand together. */
export const closingHeight = 304

/** A row as a page shows it. */
export type ShownRow = { what: string; detail: string; origin: string; quantity: string; base: string; amount: string }
export type ShownPage = { rows: ShownRow[]; isLast: boolean }

const models: Record<StatementLine['model'], string> = {
  'per-use': 'per use · 按次',
  'per-active-member': 'per active member · 按活跃会员',
  'per-entitled-member': 'per entitled member · 按权益会员',
  'revenue-share': 'revenue share · 收入分成',
  flat: 'flat fee · 固定费用',
  'minimum-top-up': 'top-up to the minimum · 保底补足',
  'maximum-cut': 'cut to the maximum · 封顶扣减',
  adjustment: 'adjustment · 调整',
}

/** Whole numbers in groups of three; the decimals stay as they are. */
export const grouped = (decimal: string): string =>
  decimal.replace(/^-?\d+/, whole => whole.replace(/\B(?=(\d{3})+$)/g, ','))

export const shownAmount = (amountMinor: number, currency: string): string =>
  grouped(majorAmount(amountMinor, currency))

/** The pages of a statement. Every one has a row at least, but for a last one that only closes it. */
export function pagesOf({ lines, currency }: Pick<Statement, 'lines' | 'currency'>): ShownPage[] {
  const pages: ShownPage[] = []
  const rows = lines.map(line => shownRow(line, currency))
  for (let at = 0; ; ) {
    const top = pages.length === 0 ? tableTop.first : tableTop.other
    const room = page.height - page.bottom - top
    const left = rows.length - at
    const isLast = left * rowHeight + closingHeight <= room
    const shown = rows.slice(at, isLast ? undefined : at + Math.min(left, Math.floor(room / rowHeight)))
    pages.push({ rows: shown, isLast })
    if (isLast) return pages
    at += shown.length
  }
}

function shownRow(line: StatementLine, currency: string): ShownRow {
  const { contract, model, benefit, originPeriod, quantity, amountBaseMinor, members, amountMinor } = line
  return {
    what: `${contract} : ${line.line}`,
    detail: [models[model], ...(benefit === undefined ? [] : [benefit])].join('  |  '),
    origin: originPeriod,
    quantity: grouped(String(quantity)),
    base: baseOf(amountBaseMinor, members, currency),
    amount: shownAmount(amountMinor, currency),
  }
}

function baseOf(amountBaseMinor: number | undefined, members: number | undefined, currency: string): string {
  if (amountBaseMinor !== undefined) return shownAmount(amountBaseMinor, currency)
  return members === undefined ? '' : `${grouped(String(members))} 人`
}
