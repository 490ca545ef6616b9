import type { Statement } from '../../schemas/settlement.ts'
import { exactNumber } from '../settlement/rational.ts'
import type { StaffVisit } from './desk.ts'
import { dayIn } from './formats.ts'
import { amountsByBrand, type BrandAmount } from './month-amounts.ts'
import type { MonthData } from './month-data.ts'
import type { ReasonCount } from './month-exceptions.ts'
import type { UsageByDay, UsageRow } from './month-usage.ts'
import { exceptionsPath, statementPath } from './paths.ts'
import { amountColumn, type Sheet, type SheetColumn, sheetOf } from './tables.tsx'

type Visit = Pick<StaffVisit, 'language' | 'words'>

export const brandAmounts = ({ picture, before }: MonthData): BrandAmount[] =>
  amountsByBrand(picture.statements, before?.statements, picture.frame.brand)

export function amountsSheet({ language, words }: Visit, data: MonthData): Sheet {
  const text = words.months
  const { names } = data
  const amount = (name: string, title: string, of: (row: BrandAmount) => number | undefined, isChange = false) =>
    amountColumn<BrandAmount>({ name, title, language, currency: row => row.currency, of, isChange })
  return sheetOf<BrandAmount>({
    caption: text.amounts,
    language,
    rows: brandAmounts(data),
    columns: [
      { name: 'partner', title: text.partner, kind: 'text', of: row => names.brand(row.brand), heads: true },
      { name: 'currency', title: text.currency, kind: 'text', of: row => row.currency },
      amount('owed', text.owed, row => row.owedMinor),
      amount('owes', text.owes, row => row.owesMinor),
      amount('net', text.net, row => row.netMinor),
      amount('net_before', data.before ? text.before(names.monthBefore) : text.beforeNone, row => row.beforeMinor),
      amount(
        'difference',
        text.difference,
        row => (row.beforeMinor === undefined ? undefined : row.netMinor - row.beforeMinor),
        true,
      ),
    ],
  })
}

type Benefits = { names: Pick<MonthData['names'], 'benefit'> }

/** What stands over the columns of matched events. */
export const usageNames = ({ words }: Visit, { names }: Benefits, usage: UsageByDay): string[] => [
  ...usage.benefits.map(names.benefit),
  ...(usage.hasMore ? [words.months.otherBenefits] : []),
]

export function usageSheet(visit: Visit, data: Benefits, usage: UsageByDay): Sheet {
  const { language, words } = visit
  const text = words.months
  const matched = usageNames(visit, data, usage).map(
    (title, place): SheetColumn<UsageRow> => ({
      name: usage.benefits[place] ?? 'other_benefits',
      title,
      kind: 'integer',
      of: row => row.matched[place] ?? 0,
    }),
  )
  return sheetOf<UsageRow>({
    caption: text.usage,
    language,
    rows: usage.rows.some(({ total }) => total > 0) ? usage.rows : [],
    columns: [
      {
        name: 'day',
        title: text.day,
        kind: 'text',
        of: row => row.day ?? text.otherDays,
        shown: row => (row.day ? <time datetime={row.day}>{dayIn(language, row.day)}</time> : text.otherDays),
        heads: true,
      },
      ...matched,
      { name: 'not_billed', title: text.unmatched, kind: 'integer', of: row => row.unmatched },
      { name: 'events', title: text.events, kind: 'integer', of: row => row.total },
    ],
  })
}

type Place = { programme: string; period: string }

export function exceptionsSheet(
  { language, words }: Visit,
  { programme, period }: Place,
  rows: readonly ReasonCount[],
): Sheet {
  const text = words.months
  const count = (name: 'open' | 'assigned' | 'resolved'): SheetColumn<ReasonCount> => ({
    name,
    title: text[name],
    kind: 'integer',
    of: row => row[name],
  })
  return sheetOf<ReasonCount>({
    caption: text.exceptions,
    language,
    rows,
    columns: [
      {
        name: 'reason',
        title: text.reason,
        kind: 'text',
        of: row => text.reasons[row.reason],
        shown: ({ reason }) =>
          reason === 'duplicate' ? (
            text.reasons[reason]
          ) : (
            <a class="link" href={exceptionsPath({ state: '', programme, period, reason })}>
              {text.reasons[reason]}
            </a>
          ),
        heads: true,
      },
      { name: 'lines', title: text.lines, kind: 'integer', of: row => row.lines },
      count('open'),
      count('assigned'),
      count('resolved'),
    ],
  })
}

export function statementsSheet({ language, words }: Visit, { picture, names }: MonthData): Sheet {
  const text = words.months
  const amount = (name: string, title: string, of: (row: Statement) => number) =>
    amountColumn<Statement>({ name, title, language, currency: row => row.currency, of })
  const title = ({ debtor, creditor }: Statement) => `${names.brand(debtor)} → ${names.brand(creditor)}`
  const isPublished = picture.state === 'published'
  return sheetOf<Statement>({
    caption: text.statements,
    language,
    rows: picture.statements,
    columns: [
      {
        name: 'statement',
        title: text.statement,
        kind: 'text',
        of: row => row.id,
        // Only a published one has a page of its own.
        shown: row =>
          isPublished ? (
            <a class="link" href={statementPath(row.id)}>
              {title(row)}
            </a>
          ) : (
            title(row)
          ),
        heads: true,
      },
      { name: 'debtor', title: text.debtor, kind: 'text', of: row => names.brand(row.debtor) },
      { name: 'creditor', title: text.creditor, kind: 'text', of: row => names.brand(row.creditor) },
      { name: 'currency', title: text.currency, kind: 'text', of: row => row.currency },
      { name: 'lines', title: text.lines, kind: 'integer', of: row => row.lines.length },
      amount('opening', text.opening, row => row.openingMinor),
      amount('subtotal', text.subtotal, row => row.subtotalMinor),
      amount('tax', text.tax, row => row.taxMinor),
      amount('total', text.statementTotal, row => exactNumber(BigInt(row.totalMinor))),
    ],
  })
}
