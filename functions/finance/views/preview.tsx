import type { Part } from '../../portal/views/part.ts'
import { Alert, Badge, type Tone } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { changeIn, moneyIn, numberIn, percentIn } from '../formats.ts'
import type { MonthData } from '../month-data.ts'
import { monthPath, statementLinePath, statementPath } from '../paths.ts'
import type { Change, LineChange, StatementChange } from '../preview-changes.ts'
import { DataTable, EmptyNote, FinanceHead, Section, type ShownColumn, StateBadge } from './pieces.tsx'

type Preview = { data: MonthData; statements: StatementChange[]; lines: LineChange[] }

export function previewView(visit: StaffVisit, preview: Preview): View {
  const { words } = visit
  const text = words.months
  const { data, statements, lines } = preview
  const { names, picture, before } = data
  const title = text.previewTitle(names.month)
  const isClosed = picture.state === 'published'
  return {
    title: `${names.programme} · ${title}`,
    body: (
      <>
        <FinanceHead
          words={words}
          title={title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(picture), name: `${names.programme} · ${names.month}` },
          ]}
          badge={<StateBadge words={words} state={picture.state} />}
          lead={before ? text.previewLead(names.month, names.monthBefore) : text.previewFirst(names.month)}
        >
          {!isClosed && (
            <a class="btn btn-primary btn-sm" href={monthPath(picture, 'close')}>
              {picture.state === 'open' ? text.closeLong : text.closing}
            </a>
          )}
        </FinanceHead>
        <Alert tone="info">{isClosed ? text.previewClosed : text.previewNotice}</Alert>
        {before && <Named visit={visit} lines={lines} />}
        <Section id="statements" title={text.changedStatements}>
          {statements.length === 0 ? (
            <EmptyNote>{text.statementsEmpty}</EmptyNote>
          ) : (
            <DataTable
              caption={text.changedStatements}
              captionHidden
              columns={statementColumns(visit, data)}
              rows={statements}
            />
          )}
        </Section>
        <Section id="lines" title={text.changedLines} lead={text.changedLinesLead}>
          {lines.length === 0 ? (
            <EmptyNote>{text.statementsEmpty}</EmptyNote>
          ) : (
            <DataTable caption={text.changedLines} captionHidden columns={lineColumns(visit, data)} rows={lines} />
          )}
        </Section>
      </>
    ),
  }
}

/** Lines that came and went, in words: a table of many rows hides them. */
const Named = ({ visit, lines }: { visit: StaffVisit; lines: readonly LineChange[] }) => {
  const { words, language } = visit
  const named = (kind: Change['kind']) =>
    new Intl.ListFormat(language).format(lines.filter(line => line.kind === kind).map(nameOf))
  const [fresh, gone] = [named('new'), named('gone')]
  return fresh || gone ? (
    <div class="mt-4 grid gap-1">
      {fresh && <p>{words.months.newLines(fresh)}</p>}
      {gone && <p>{words.months.goneLines(gone)}</p>}
    </div>
  ) : null
}
const nameOf = ({ contract, line }: LineChange): string => `${contract} · ${line}`

const changeTones = { new: 'info', gone: 'warning', changed: 'neutral', same: 'neutral' } as const satisfies Record<
  Change['kind'],
  Tone
>

/** What statements and lines have in common: both amounts and how far they are apart. */
function changeColumns<Row extends Change & { currency: string }>(
  { language, words }: StaffVisit,
  { names }: MonthData,
): ShownColumn<Row>[] {
  const text = words.months
  const money = (amountMinor: number | undefined, currency: string): Part =>
    amountMinor === undefined ? '–' : moneyIn(language, { amountMinor, currency })
  return [
    {
      title: names.monthBefore || text.beforeNone,
      numeric: true,
      of: row => money(row.beforeMinor, row.currency),
    },
    { title: text.now(names.month), numeric: true, of: row => money(row.nowMinor, row.currency) },
    {
      title: text.difference,
      numeric: true,
      of: ({ differenceMinor, currency }) => (
        <strong>{changeIn(language, { amountMinor: differenceMinor, currency })}</strong>
      ),
    },
    {
      title: text.percent,
      numeric: true,
      of: ({ perMille }) => (perMille === undefined ? '–' : percentIn(language, perMille, true)),
    },
    {
      title: text.kindOfChange,
      of: ({ kind }) => <Badge tone={changeTones[kind]}>{text.changes[kind]}</Badge>,
    },
  ]
}

const parties = ({ names }: MonthData, { debtor, creditor }: { debtor: string; creditor: string }): string =>
  `${names.brand(debtor)} → ${names.brand(creditor)}`

const statementColumns = (visit: StaffVisit, data: MonthData): ShownColumn<StatementChange>[] => [
  {
    title: visit.words.months.statement,
    heads: true,
    of: row =>
      row.id !== undefined && data.picture.state === 'published' ? (
        <a class="link" href={statementPath(row.id)}>
          {parties(data, row)}
        </a>
      ) : (
        parties(data, row)
      ),
  },
  ...changeColumns<StatementChange>(visit, data),
]

function lineColumns(visit: StaffVisit, data: MonthData): ShownColumn<LineChange>[] {
  const { words, language } = visit
  const text = words.months
  const count = (value: number | undefined): Part => (value === undefined ? '–' : numberIn(language, value))
  const [head, ...amounts] = [lineHead(visit, data), ...changeColumns<LineChange>(visit, data)]
  return [
    ...(head ? [head] : []),
    {
      title: text.model,
      of: ({ model, isLate }) => `${words.money.models[model]}${isLate ? ` (${text.late})` : ''}`,
    },
    { title: text.statement, of: row => parties(data, row) },
    ...amounts,
    { title: text.quantityBefore, numeric: true, of: row => count(row.quantityBefore) },
    { title: text.quantity, numeric: true, of: row => count(row.quantityNow) },
  ]
}

function lineHead({ words }: StaffVisit, { picture, names }: MonthData): ShownColumn<LineChange> {
  const linkOf = ({ debtor, creditor, currency, contract, line, isLate, kind }: LineChange): string | undefined => {
    const statement = picture.statements.find(
      one => one.debtor === debtor && one.creditor === creditor && one.currency === currency,
    )
    const isOne = picture.state === 'published' && !isLate && kind !== 'gone'
    return isOne && statement ? statementLinePath(statement.id, `${contract}:${line}:${picture.period}`) : undefined
  }
  return {
    title: words.months.line,
    heads: true,
    of: row => {
      const href = linkOf(row)
      return (
        <>
          {href ? (
            <a class="link" href={href}>
              {nameOf(row)}
            </a>
          ) : (
            nameOf(row)
          )}
          {row.benefit !== undefined && <span class="block text-sm text-quiet">{names.benefit(row.benefit)}</span>}
        </>
      )
    },
  }
}
