import type { FC } from 'hono/jsx'
import type { SignedMoney } from '../../../schemas/settlement.ts'
import type { Part } from '../../portal/views/part.ts'
import { Alert, Tick } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { changeIn, moneyIn, numberIn, percentIn, perMilleOf } from '../formats.ts'
import type { Picture } from '../month-charts.ts'
import type { MonthData } from '../month-data.ts'
import type { MonthExceptions } from '../month-exceptions.ts'
import { exceptionsPath, monthPath } from '../paths.ts'
import type { Sheet } from '../tables.tsx'
import {
  ChartFigure,
  Downloads,
  EmptyNote,
  Figure,
  FigureRow,
  FinanceHead,
  ProvisionalNotice,
  Section,
  StateBadge,
} from './pieces.tsx'

type SheetName = 'amounts' | 'usage' | 'exceptions' | 'economics' | 'statements'
export type Month = {
  data: MonthData
  sheets: Record<SheetName, Sheet>
  pictures: Record<Exclude<SheetName, 'statements'>, Picture[]>
  exceptions: MonthExceptions
  /** What makes a loss. */
  warnings: string[]
  /** Partners whose reports are not in the usage yet. */
  waiting: string[]
}

export function monthView(visit: StaffVisit, month: Month): View {
  const { words, language } = visit
  const text = words.months
  const { data, exceptions, warnings, waiting, sheets } = month
  const { picture, names } = data
  const { programme, period } = picture
  const title = `${names.programme} · ${names.month}`
  const part = (name: SheetName) => ({ visit, month, name })
  return {
    title,
    body: (
      <>
        <FinanceHead
          words={words}
          title={title}
          crumbs={[{ href: '/finance', name: words.shell.tabs.periods }]}
          badge={<StateBadge words={words} state={picture.state} />}
        >
          <MonthLinks visit={visit} data={data} />
        </FinanceHead>
        <ProvisionalNotice words={words} state={picture.state} />
        <h2 class="sr-only">{text.figures}</h2>
        <Figures visit={visit} data={data} exceptions={exceptions} />
        <SheetSection {...part('amounts')} lead={text.amountsLead} empty={text.amountsEmpty} />
        <SheetSection {...part('economics')} lead={text.economicsLead} empty={text.economicsEmpty}>
          {!sheets.economics.isEmpty && !data.isOver && <p class="mb-4">{text.economicsOpen}</p>}
          {!sheets.economics.isEmpty && <Warnings visit={visit} warnings={warnings} />}
        </SheetSection>
        <SheetSection {...part('usage')} lead={text.usageLead} empty={text.usageEmpty}>
          {waiting.length > 0 && (
            <div class="mb-4">
              <Alert tone="info">
                {text.usageWaiting(new Intl.ListFormat(language).format(waiting.map(names.brand)))}
              </Alert>
            </div>
          )}
        </SheetSection>
        <SheetSection {...part('exceptions')} lead={text.exceptionsLead} empty={text.exceptionsEmpty}>
          <p class="no-print mb-4">
            <a class="link" href={exceptionsPath({ state: '', programme, period })}>
              {text.allExceptions}
            </a>
          </p>
        </SheetSection>
        <SheetSection {...part('statements')} lead={text.statementsLead} empty={text.statementsEmpty} />
      </>
    ),
  }
}

const MonthLinks: FC<{ visit: StaffVisit; data: MonthData }> = ({ visit, data: { picture } }) => {
  const text = visit.words.months
  const { state } = picture
  return (
    <>
      <a class="btn btn-outline btn-sm" href={monthPath(picture, 'preview')}>
        {text.previewLong}
      </a>
      <a class="btn btn-outline btn-sm" href={monthPath(picture, 'netting')}>
        {text.netting}
      </a>
      {state === 'published' ? (
        <a class="btn btn-outline btn-sm" href={monthPath(picture, 'tables/journal.txt')}>
          {text.journal}
        </a>
      ) : (
        <a class="btn btn-primary btn-sm" href={monthPath(picture, 'close')}>
          {state === 'open' ? text.closeLong : text.closing}
        </a>
      )}
    </>
  )
}

type FiguresProps = { visit: StaffVisit; data: MonthData; exceptions: MonthExceptions }
const Figures: FC<FiguresProps> = ({ visit, data, exceptions }) => {
  const { language, words } = visit
  const text = words.months
  const { picture, before } = data
  const count = (value: number) => numberIn(language, value)
  const events = Object.values(picture.dispositions).reduce((sum, lines) => sum + lines, 0)
  const undecided = count(exceptions.undecided)
  return (
    <FigureRow>
      <Figure term={text.total}>{sums(visit, picture.totals)}</Figure>
      <Figure
        term={text.change}
        note={before && text.changeNote(data.names.monthBefore, sumText(visit, before.totals))}
      >
        {before ? changes(visit, picture.totals, before.totals) : text.changeNone}
      </Figure>
      <Figure term={text.openExceptions} note={text.exceptionsOf(count(exceptions.all))}>
        {exceptions.isWhole ? undecided : text.more(undecided)}
      </Figure>
      <Figure term={text.matched} note={text.matchedOf(count(events))}>
        {count(picture.dispositions.matched ?? 0)}
      </Figure>
    </FigureRow>
  )
}

const lines = (texts: string[]): Part => texts.map(one => <span class="block">{one}</span>)
const sums = ({ language, words }: StaffVisit, totals: readonly SignedMoney[]): Part =>
  totals.length > 0 ? lines(totals.map(total => moneyIn(language, total))) : words.months.noTotal
const sumText = ({ language, words }: StaffVisit, totals: readonly SignedMoney[]): string =>
  totals.length > 0 ? totals.map(total => moneyIn(language, total)).join(' · ') : words.months.noTotal

function changes({ language, words }: StaffVisit, now: readonly SignedMoney[], before: readonly SignedMoney[]): Part {
  const amountIn = (totals: readonly SignedMoney[], currency: string) =>
    totals.find(total => total.currency === currency)?.amountMinor ?? 0
  const currencies = [...new Set([...now, ...before].map(({ currency }) => currency))].sort()
  if (currencies.length === 0) return words.months.noTotal
  return lines(
    currencies.map(currency => {
      const was = amountIn(before, currency)
      const amountMinor = amountIn(now, currency) - was
      const share = perMilleOf(amountMinor, was)
      const percent = share === undefined ? '' : ` (${percentIn(language, share, true)})`
      return `${changeIn(language, { amountMinor, currency })}${percent}`
    }),
  )
}

const Warnings: FC<{ visit: StaffVisit; warnings: string[] }> = ({ visit, warnings }) =>
  warnings.length > 0 ? (
    <div class="mb-4">
      <Alert tone="warning">
        <ul class="grid gap-1">
          {warnings.map(warning => (
            <li>{warning}</li>
          ))}
        </ul>
      </Alert>
    </div>
  ) : (
    <p class="mb-4 flex items-center gap-2">
      <Tick />
      {visit.words.months.healthy}
    </p>
  )

type SectionProps = { visit: StaffVisit; month: Month; name: SheetName; lead: string; empty: string; children?: Part }
const SheetSection: FC<SectionProps> = ({ visit, month, name, lead, empty, children }) => {
  const { words } = visit
  const title = words.months[name]
  const pictures = name === 'statements' ? [] : month.pictures[name]
  const sheet = month.sheets[name]
  return (
    <Section id={name} title={title} lead={lead}>
      {children}
      {sheet.isEmpty ? (
        <EmptyNote>{empty}</EmptyNote>
      ) : (
        <>
          {pictures.map(({ chart, caption }) => (
            <ChartFigure chart={chart} caption={caption} />
          ))}
          {sheet.table()}
          {name === 'economics' && <p class="mt-2 text-sm text-quiet">{words.months.membersNote}</p>}
          <Downloads words={words} base={monthPath(month.data.picture, `tables/${name}`)} of={title} />
        </>
      )}
    </Section>
  )
}
