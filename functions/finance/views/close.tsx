import type { FC } from 'hono/jsx'
import type { DispositionCounts } from '../../../schemas/disposition.ts'
import type { Instant, Period } from '../../../schemas/primitives.ts'
import type { SignedMoney, Statement } from '../../../schemas/settlement.ts'
import { dateIn } from '../../portal/language.ts'
import { Alert, Csrf } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { Month } from '../close-month.ts'
import type { StaffVisit } from '../desk.ts'
import { exceptionsPath, monthPath } from '../paths.ts'
import type { Names } from '../statement-names.ts'
import {
  DataTable,
  EmptyNote,
  Figure,
  FigureRow,
  FinanceHead,
  moneyIn,
  numberIn,
  periodIn,
  Section,
  StateBadge,
} from './pieces.tsx'

/** Why a month cannot be closed now. */
export type CloseRefusal = { code: 'period-not-over'; until: Instant } | { code: 'earlier-period-open'; first: Period }

/** Exceptions of the month without a decision; `more` where nobody counted to the end. */
export type Undecided = Record<'open' | 'assigned', { count: number; more: boolean }>

export type AskShown = {
  month: Month
  programme: string
  statements: readonly Statement[]
  totals: readonly SignedMoney[]
  dispositions: DispositionCounts
  nameOf: Names
  exceptions: Undecided
  refused: CloseRefusal | undefined
  status?: number
  /** Somebody asked for it without confirming. */
  unconfirmed?: boolean
  /** Rivals were in the way; what was confirmed stays so. */
  isBusy?: boolean
}
type Props = { visit: StaffVisit; shown: AskShown }

/** What a close will do, what speaks against it, and the form that starts it. */
export function askView(visit: StaffVisit, shown: AskShown): View {
  const { words, language } = visit
  const { month, programme, statements, status } = shown
  const m = words.money.close
  const name = periodIn(language, month.period)
  return {
    title: m.title(name),
    ...(status !== undefined && { status }),
    body: (
      <>
        <FinanceHead
          words={words}
          title={m.title(name)}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(month), name: `${programme}, ${name}` },
          ]}
          lead={m.lead(programme)}
          badge={<StateBadge words={words} state="open" />}
        />
        <Refused visit={visit} shown={shown} />
        <Section id="what" title={m.whatCloses}>
          <Figures visit={visit} shown={shown} />
        </Section>
        <Section id="statements" title={m.statements}>
          {statements.length === 0 ? (
            <EmptyNote>{words.money.netting.none}</EmptyNote>
          ) : (
            <Statements visit={visit} shown={shown} />
          )}
        </Section>
        <Confirm visit={visit} shown={shown} />
      </>
    ),
  }
}

const Refused: FC<Props> = ({ visit: { words, language }, shown: { refused, month, unconfirmed, isBusy } }) => {
  const m = words.money.close
  if ((unconfirmed || isBusy) && !refused)
    return (
      <div role="alert">
        <Alert tone="error">
          <strong>
            {m.unconfirmedTitle}
            {words.money.stop}
          </strong>{' '}
          {isBusy ? m.refusals.busy() : m.unconfirmed}
        </Alert>
      </div>
    )
  if (!refused) return null
  return (
    <div role="alert">
      <Alert tone="warning">
        <p class="font-semibold">{m.refused}</p>
        {refused.code === 'period-not-over' ? (
          <p>{m.refusals['period-not-over'](dateIn(language, refused.until, month.frame.timeZone))}</p>
        ) : (
          <p>
            {m.refusals['earlier-period-open'](periodIn(language, refused.first))}{' '}
            <a class="link" href={monthPath({ ...month, period: refused.first }, 'close')}>
              {m.earlierLink(periodIn(language, refused.first))}
            </a>
          </p>
        )}
      </Alert>
    </div>
  )
}

const Figures: FC<Props> = ({ visit: { words, language }, shown }) => {
  const { month, totals, dispositions, exceptions } = shown
  const m = words.money.close
  const { matched = 0, ...others } = dispositions
  const unmatched = Object.values(others).reduce((sum, count) => sum + count, 0)
  const countOf = (...all: { count: number; more: boolean }[]) =>
    `${numberIn(
      language,
      all.reduce((sum, { count }) => sum + count, 0),
    )}${all.some(({ more }) => more) ? '+' : ''}`
  const { open, assigned } = exceptions
  const isNone = open.count + assigned.count === 0
  const { programme, period } = month
  return (
    <>
      <FigureRow>
        {totals.map(total => (
          <Figure term={m.totals}>{moneyIn(language, total)}</Figure>
        ))}
        <Figure term={m.matched}>{numberIn(language, matched)}</Figure>
        <Figure term={m.unmatched}>{numberIn(language, unmatched)}</Figure>
        <Figure term={m.exceptions}>{isNone ? m.noExceptions : countOf(open, assigned)}</Figure>
      </FigureRow>
      {!isNone && (
        <div class="mt-4">
          <Alert tone="warning">
            {m.exceptionsLead}{' '}
            {(['open', 'assigned'] as const)
              .filter(state => exceptions[state].count > 0)
              .map(state => (
                <a class="link mr-4" href={exceptionsPath({ state, programme, period })}>
                  {m.exceptionsLink[state](countOf(exceptions[state]))}
                </a>
              ))}
          </Alert>
        </div>
      )}
    </>
  )
}

const Statements: FC<Props> = ({ visit: { words, language }, shown: { statements, nameOf } }) => {
  const { statement, close, netting } = words.money
  const money = (amountMinor: number, currency: string) => moneyIn(language, { amountMinor, currency })
  return (
    <DataTable
      caption={close.statementsCaption}
      captionHidden
      columns={[
        { title: netting.owes, heads: true, of: ({ debtor }: Statement) => nameOf(debtor) },
        { title: statement.creditor, of: ({ creditor }) => nameOf(creditor) },
        { title: statement.lines, numeric: true, of: ({ lines }) => numberIn(language, lines.length) },
        { title: statement.opening, numeric: true, of: ({ openingMinor, currency }) => money(openingMinor, currency) },
        { title: statement.subtotal, numeric: true, of: one => money(one.subtotalMinor, one.currency) },
        { title: statement.tax, numeric: true, of: ({ taxMinor, currency }) => money(taxMinor, currency) },
        {
          title: statement.total,
          numeric: true,
          of: ({ totalMinor, currency }) => <strong>{money(totalMinor, currency)}</strong>,
        },
      ]}
      rows={statements}
    />
  )
}

const Confirm: FC<Props> = ({ visit, shown: { month, refused, unconfirmed, isBusy } }) => {
  const { words, language, staff } = visit
  const m = words.money.close
  const name = periodIn(language, month.period)
  if (refused) return null
  if (!staff.mayDecide)
    return (
      <div class="mt-10">
        <Alert tone="info">{m.onlyFinance}</Alert>
      </div>
    )
  return (
    <form method="post" action={monthPath(month, 'close')} class="card mt-10 gap-4 p-5" aria-label={m.title(name)}>
      <Csrf visit={visit} />
      <label class="flex items-start gap-3" for="confirm">
        <input
          class="checkbox mt-0.5 rounded-md"
          type="checkbox"
          id="confirm"
          name="confirm"
          value={month.period}
          required
          checked={isBusy}
          aria-invalid={unconfirmed ? 'true' : undefined}
        />
        <span class="font-semibold">{m.confirm(name)}</span>
      </label>
      <button type="submit" class="btn btn-primary self-start">
        {m.button(name)}
      </button>
    </form>
  )
}
