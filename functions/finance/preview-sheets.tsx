import { Badge, type Tone } from '../portal/views/pieces.tsx'
import type { StaffVisit } from './desk.ts'
import { changeIn } from './formats.ts'
import type { MonthData } from './month-data.ts'
import { statementLinePath, statementPath } from './paths.ts'
import { type Change, type LineChange, lineChanges, type StatementChange, statementChanges } from './preview-changes.ts'
import { amountColumn, percentColumn, type Sheet, type SheetColumn, sheetOf } from './tables.tsx'

type Visit = Pick<StaffVisit, 'language' | 'words'>

const statementsOf = ({ before, picture }: MonthData) => [before?.statements ?? [], picture.statements] as const

/** By statement, against the month before. */
export function changesSheet(visit: Visit, data: MonthData): Sheet {
  const text = visit.words.months
  return sheetOf<StatementChange>({
    caption: text.changedStatements,
    language: visit.language,
    rows: statementChanges(...statementsOf(data)),
    columns: [
      {
        name: 'statement',
        title: text.statement,
        kind: 'text',
        heads: true,
        of: row => parties(data, row),
        shown: row =>
          row.id !== undefined && data.picture.state === 'published' ? (
            <a class="link" href={statementPath(row.id)}>
              {parties(data, row)}
            </a>
          ) : (
            parties(data, row)
          ),
      },
      ...changeColumns<StatementChange>(visit, data),
    ],
  })
}

/** By line, against the month before. */
export function linesSheet(visit: Visit, data: MonthData): Sheet {
  const { words, language } = visit
  const text = words.months
  const [head, benefit] = lineHead(visit, data)
  return sheetOf<LineChange>({
    caption: text.changedLines,
    language,
    rows: previewLines(data),
    columns: [
      head,
      {
        name: 'model',
        title: text.model,
        kind: 'text',
        of: ({ model, isLate }) => `${words.money.models[model]}${isLate ? ` (${text.late})` : ''}`,
      },
      { name: 'statement', title: text.statement, kind: 'text', of: row => parties(data, row) },
      ...changeColumns<LineChange>(visit, data),
      { name: 'uses_before', title: text.quantityBefore, kind: 'integer', of: row => row.quantityBefore },
      { name: 'uses', title: text.quantity, kind: 'integer', of: row => row.quantityNow },
      benefit,
    ],
  })
}

export const previewLines = (data: MonthData): LineChange[] => lineChanges(...statementsOf(data))

export const lineName = ({ contract, line }: LineChange): string => `${contract} · ${line}`

const parties = ({ names }: MonthData, { debtor, creditor }: { debtor: string; creditor: string }): string =>
  `${names.brand(debtor)} → ${names.brand(creditor)}`

const changeTones = { new: 'info', gone: 'warning', changed: 'neutral', same: 'neutral' } as const satisfies Record<
  Change['kind'],
  Tone
>

/** What statements and lines have in common: both amounts and how far they are apart. */
function changeColumns<Row extends Change & { currency: string }>(
  { language, words }: Visit,
  { names }: MonthData,
): SheetColumn<Row>[] {
  const text = words.months
  const amount = (name: string, title: string, of: (row: Row) => number | undefined, isChange = false) =>
    amountColumn<Row>({ name, title, language, currency: row => row.currency, of, isChange })
  return [
    amount('before', names.monthBefore || text.beforeNone, row => row.beforeMinor),
    amount('now', text.now(names.month), row => row.nowMinor),
    {
      ...amount('difference', text.difference, row => row.differenceMinor, true),
      shown: ({ differenceMinor, currency }) => (
        <strong>{changeIn(language, { amountMinor: differenceMinor, currency })}</strong>
      ),
    },
    percentColumn<Row>({
      name: 'change_percent',
      title: text.percent,
      language,
      of: row => row.perMille,
      isChange: true,
    }),
    {
      name: 'change',
      title: text.kindOfChange,
      kind: 'text',
      of: ({ kind }) => text.changes[kind],
      shown: ({ kind }) => <Badge tone={changeTones[kind]}>{text.changes[kind]}</Badge>,
    },
    { name: 'currency', title: text.currency, kind: 'text', of: row => row.currency },
  ]
}

/** The line, which leads to its page where that is one; and its benefit. */
function lineHead({ words }: Visit, { picture, names }: MonthData): [SheetColumn<LineChange>, SheetColumn<LineChange>] {
  const linkOf = ({ debtor, creditor, currency, contract, line, isLate, kind }: LineChange): string | undefined => {
    const statement = picture.statements.find(
      one => one.debtor === debtor && one.creditor === creditor && one.currency === currency,
    )
    const isOne = picture.state === 'published' && !isLate && kind !== 'gone'
    return isOne && statement ? statementLinePath(statement.id, `${contract}:${line}:${picture.period}`) : undefined
  }
  const shown = (row: LineChange) => {
    const href = linkOf(row)
    return href ? (
      <a class="link" href={href}>
        {lineName(row)}
      </a>
    ) : (
      lineName(row)
    )
  }
  return [
    { name: 'line', title: words.months.line, kind: 'text', heads: true, of: lineName, shown },
    {
      name: 'benefit',
      title: words.months.benefit,
      kind: 'text',
      of: ({ benefit }) => (benefit === undefined ? undefined : names.benefit(benefit)),
    },
  ]
}
