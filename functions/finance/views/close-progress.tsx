import type { FC } from 'hono/jsx'
import { type CloseRecord, PeriodState, type SignedMoney } from '../../../schemas/settlement.ts'
import { Actions, Alert, Banner, Csrf, Fact, Facts, Tick } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import { frameOf, type StaffVisit } from '../desk.ts'
import { monthPath } from '../paths.ts'
import { Figure, FigureRow, FinanceHead, momentIn, moneyIn, periodIn, Section, StateBadge } from './pieces.tsx'

export type ClosingShown = {
  close: CloseRecord
  programme: string
  timeZone: string
  /** Once it is published. */
  totals: readonly SignedMoney[] | undefined
  /** Whether its last step was a moment ago: a page that stands still is not loaded again by itself. */
  isMoving: boolean
  /** Rivals were in the way when somebody asked again. */
  isBusy?: boolean | undefined
}
type Props = { visit: StaffVisit; shown: ClosingShown }

const refreshSeconds = 5

/** How far a close is, as the steps of its machine; the page loads itself again until it is done. */
export function closingView(visit: StaffVisit, shown: ClosingShown): View {
  const { words, language } = visit
  const { close, programme, isMoving, isBusy } = shown
  const m = words.money.close
  const name = periodIn(language, close.period)
  const isDone = close.state === 'published'
  const title = isDone ? m.closedTitle(name) : m.title(name)
  return {
    title,
    frame: { ...frameOf(words), ...(!isDone && isMoving && { refreshSeconds }) },
    body: (
      <>
        {isDone && <Banner>{m.closedTitle(name)}</Banner>}
        <FinanceHead
          words={words}
          title={title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(close), name: `${programme}, ${name}` },
          ]}
          {...(!isDone && { lead: isMoving ? m.progressLead : m.standsLead })}
          badge={<StateBadge words={words} state={close.state} />}
        />
        {isBusy && (
          <div class="mb-6" role="alert">
            <Alert tone="error">{m.refusals.busy()}</Alert>
          </div>
        )}
        {!isDone && !isMoving && <StandsStill visit={visit} shown={shown} />}
        {shown.totals && <Totals visit={visit} shown={shown} />}
        <Section id="progress" title={m.progress}>
          <Steps visit={visit} shown={shown} />
        </Section>
        {!isDone && isMoving && <StandsStill visit={visit} shown={shown} />}
      </>
    ),
  }
}

const Totals: FC<Props> = ({ visit: { words, language }, shown: { close, totals = [] } }) => {
  const m = words.money.close
  return (
    <>
      <FigureRow>
        {totals.map(total => (
          <Figure term={m.totals}>{moneyIn(language, total)}</Figure>
        ))}
      </FigureRow>
      <Actions>
        <a class="btn btn-primary" href={monthPath(close)}>
          {m.seeMonth}
        </a>
        <a class="btn btn-outline" href={monthPath(close, 'netting')}>
          {m.seeNetting}
        </a>
      </Actions>
    </>
  )
}

/** What has been reached is done; the one after it is under way. */
const Steps: FC<Props> = ({ visit: { words, language }, shown: { close, timeZone } }) => {
  const m = words.money.close
  const reached = PeriodState.options.indexOf(close.state)
  return (
    <>
      <ol class="close-steps">
        {PeriodState.options.map((state, place) => {
          const [name, text] = m.steps[state]
          const at = place <= reached ? 'done' : place === reached + 1 ? 'current' : 'waiting'
          return (
            <li class={`is-${at}`} aria-current={at === 'current' ? 'step' : undefined}>
              <span class="close-mark" aria-hidden="true">
                {at === 'done' ? <Tick /> : String(place + 1)}
              </span>
              <span>
                <strong>{name}</strong> <span class="text-sm text-quiet">({m[at]})</span>
                <span class="block text-sm text-quiet">{text}</span>
              </span>
            </li>
          )
        })}
      </ol>
      <Facts>
        <Fact term={m.identity}>
          <code>{close.identity}</code>
        </Fact>
      </Facts>
      <p class="mt-3 text-quiet">{m.since(momentIn(language, close.changedAt, timeZone))}</p>
    </>
  )
}

const StandsStill: FC<Props> = ({ visit, shown: { close, isMoving } }) => {
  const { words, staff } = visit
  const m = words.money.close
  return (
    <div class="my-8">
      {!isMoving && (
        <p class="mb-3">
          <a class="link" href={monthPath(close, 'close')}>
            {m.lookAgain}
          </a>
        </p>
      )}
      <p class="max-w-3xl">{m.stuck}</p>
      {staff.mayDecide ? (
        <form method="post" action={monthPath(close, 'close')} class="mt-3">
          <Csrf visit={visit} />
          <button type="submit" class="btn btn-outline btn-sm">
            {m.again}
          </button>
        </form>
      ) : (
        <p class="mt-2 text-quiet">{m.onlyFinance}</p>
      )}
    </div>
  )
}
