import type { FC } from 'hono/jsx'
import type { Period } from '../../../schemas/primitives.ts'
import type { PeriodState, SignedMoney } from '../../../schemas/settlement.ts'
import { Actions, Empty } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { moneyIn, numberIn, periodIn } from '../formats.ts'
import { monthPath } from '../paths.ts'
import { DataTable, EmptyNote, FinanceHead, Section, StateBadge } from './pieces.tsx'

export type Figures = { matched: number; exceptional: number; totals: SignedMoney[] }

export type ProgrammeMonths = {
  id: string
  name: string
  months: {
    period: Period
    state: PeriodState
    /** Undefined where the month is open and was not computed for this page. */
    figures: Figures | 'failed' | undefined
  }[]
  /** Where the next page begins. */
  older: Period | undefined
}
type Overview = { programmes: ProgrammeMonths[]; before: Period | undefined }

export function overviewView(visit: StaffVisit, { programmes, before }: Overview): View {
  const { words } = visit
  const text = words.months
  const older = programmes
    .flatMap(programme => programme.older ?? [])
    .sort()
    .at(-1)
  return {
    title: text.title,
    body: (
      <>
        <FinanceHead words={words} title={text.title} lead={text.lead} />
        {programmes.length === 0 && <Empty title={text.none} text={text.noneText} />}
        {programmes.map(programme => (
          <Section id={`programme-${programme.id}`} title={programme.name}>
            {programme.months.length === 0 ? (
              <EmptyNote>{text.noMonths(programme.name)}</EmptyNote>
            ) : (
              <Months visit={visit} programme={programme} />
            )}
          </Section>
        ))}
        {(older || before) && (
          <Actions>
            {older && (
              <a class="btn btn-outline" href={`/finance?${new URLSearchParams({ before: older })}`}>
                {text.older}
              </a>
            )}
            {before && (
              <a class="btn btn-ghost" href="/finance">
                {text.newest}
              </a>
            )}
          </Actions>
        )}
      </>
    ),
  }
}

const Months: FC<{ visit: StaffVisit; programme: ProgrammeMonths }> = ({ visit, programme }) => {
  const { words, language } = visit
  const text = words.months
  type Month = ProgrammeMonths['months'][number]
  const figure = ({ figures }: Month, of: (figures: Figures) => string) =>
    figures && figures !== 'failed' ? of(figures) : '–'
  const totals = (all: SignedMoney[]) =>
    all.length > 0 ? all.map(total => <span class="block">{moneyIn(language, total)}</span>) : text.noTotal
  return (
    <DataTable<Month>
      caption={text.of(programme.name)}
      captionHidden
      rows={programme.months}
      columns={[
        {
          title: words.shell.period,
          heads: true,
          of: ({ period }) => (
            <a class="link" href={monthPath({ programme: programme.id, period })}>
              {periodIn(language, period)}
            </a>
          ),
        },
        { title: words.shell.state, of: ({ state }) => <StateBadge words={words} state={state} /> },
        {
          title: text.columns.matched,
          numeric: true,
          of: month => figure(month, ({ matched }) => numberIn(language, matched)),
        },
        {
          title: text.columns.exceptional,
          numeric: true,
          of: month => figure(month, ({ exceptional }) => numberIn(language, exceptional)),
        },
        {
          title: text.columns.totals,
          numeric: true,
          of: ({ figures }) => {
            if (figures === 'failed') return <strong>{text.failed}</strong>
            return figures ? totals(figures.totals) : <span class="text-quiet">{text.notComputed}</span>
          },
        },
        { title: text.columns.links, of: month => <MonthLinks visit={visit} programme={programme.id} month={month} /> },
      ]}
    />
  )
}

type LinksProps = { visit: StaffVisit; programme: string; month: ProgrammeMonths['months'][number] }
const MonthLinks: FC<LinksProps> = ({ visit, programme, month: { period, state } }) => {
  const text = visit.words.months
  const of = text.linkOf(periodIn(visit.language, period))
  const links: [name: string, below: string][] = [
    [text.preview, 'preview'],
    [text.netting, 'netting'],
    ...(state === 'published' ? [] : ([[state === 'open' ? text.close : text.closing, 'close']] as [string, string][])),
  ]
  return (
    <ul class="flex flex-wrap gap-x-4 gap-y-1">
      {links.map(([name, below]) => (
        <li>
          <a class="link whitespace-nowrap" href={monthPath({ programme, period }, below)}>
            {name}
            <span class="sr-only">{of}</span>
          </a>
        </li>
      ))}
    </ul>
  )
}
