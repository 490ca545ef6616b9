import type { FC } from 'hono/jsx'
import type { Statement, StatementLine } from '../../../schemas/settlement.ts'
import type { StatementEvent } from '../../../schemas/statement-event.ts'
import { Alert, Badge, Fact } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { exceptionsPath, monthPath, statementLinePath, statementPath } from '../paths.ts'
import type { Names } from '../statement-names.ts'
import type { Explanation } from '../statement-terms.ts'
import {
  DataTable,
  Downloads,
  EmptyNote,
  FinanceHead,
  momentIn,
  moneyIn,
  numberIn,
  periodIn,
  Section,
} from './pieces.tsx'
import { ComputationSteps } from './statement-computation.tsx'

export type EventPage = { items: readonly StatementEvent[]; next?: string | undefined; isFirst: boolean }
export type LineShown = {
  statement: Statement
  line: StatementLine
  explanation: Explanation | undefined
  programme: string
  nameOf: Names
  benefitOf: Names
  timeZone: string
  /** Absent where the address has a cursor that no page gave. */
  events: EventPage | undefined
}
type Props = { visit: StaffVisit; shown: LineShown }

/** A line that explains itself: what was counted, at which price, how it was rounded, and by which events. */
export function statementLineView(visit: StaffVisit, shown: LineShown): View {
  const { words, language } = visit
  const { statement, line, programme, nameOf, explanation } = shown
  const m = words.money.line
  const title = m.title(line.line)
  const month = periodIn(language, statement.period)
  const parties = words.money.statement.title(nameOf(statement.debtor), nameOf(statement.creditor))
  return {
    title: `${title}, ${parties}, ${month}`,
    ...(!shown.events && { status: 400 }),
    body: (
      <>
        <FinanceHead
          words={words}
          title={title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(statement), name: `${programme}, ${month}` },
            { href: statementPath(statement.id), name: parties },
          ]}
          lead={m.lead(line.contract, periodIn(language, line.originPeriod))}
          badge={
            line.originPeriod < statement.period ? <Badge tone="info">{words.money.statement.late}</Badge> : undefined
          }
        />
        <LineFacts visit={visit} shown={shown} />
        <Section id="how" title={m.how}>
          {explanation ? (
            <div class="card p-5">
              <ComputationSteps visit={visit} computation={explanation.computation} nameOf={nameOf} />
            </div>
          ) : (
            <Alert tone="warning">{m.unexplained}</Alert>
          )}
        </Section>
        <Section id="events" title={m.events} lead={m.eventsLead}>
          <Events visit={visit} shown={shown} />
        </Section>
      </>
    ),
  }
}

const LineFacts: FC<Props> = ({ visit: { words, language }, shown: { statement, line, explanation, benefitOf } }) => {
  const m = words.money
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency: statement.currency })
  return (
    <div class="card p-5">
      <dl class="facts sm:grid-cols-3">
        <Fact term={m.statement.amount}>
          <strong class="text-xl tabular-nums">{money(line.amountMinor)}</strong>
        </Fact>
        <Fact term={m.statement.model}>{m.models[line.model]}</Fact>
        <Fact term={m.statement.origin}>{periodIn(language, line.originPeriod)}</Fact>
        {line.benefit !== undefined && <Fact term={m.line.benefit}>{benefitOf(line.benefit)}</Fact>}
        {line.benefit !== undefined && <Fact term={m.statement.quantity}>{numberIn(language, line.quantity)}</Fact>}
        {line.members !== undefined && <Fact term={m.statement.members}>{numberIn(language, line.members)}</Fact>}
        {line.amountBaseMinor !== undefined && <Fact term={m.statement.base}>{money(line.amountBaseMinor)}</Fact>}
        <Fact term={m.line.terms}>
          {explanation ? m.line.version(line.contract, explanation.contractVersion) : line.contract}
        </Fact>
      </dl>
    </div>
  )
}

const Events: FC<Props> = ({ visit, shown }) => {
  const { words, language } = visit
  const { statement, line, events, timeZone } = shown
  const m = words.money.line
  const path = statementLinePath(statement.id, line.id)
  if (!events) return <BadCursor visit={visit} path={path} />
  if (events.items.length === 0 && events.isFirst) return <EmptyNote>{m.noEvents[reasonOf(line)]}</EmptyNote>
  return (
    <>
      <DataTable
        caption={m.eventsCaption}
        captionHidden
        columns={[
          {
            title: m.event,
            heads: true,
            of: ({ event }: StatementEvent) => <code class="whitespace-nowrap">{event}</code>,
          },
          {
            title: m.type,
            of: ({ type, exception }) => (
              <>
                {m.types[type]}
                {exception !== undefined && (
                  <a class="link block text-sm" href={`${exceptionsPath()}/${encodeURIComponent(exception)}`}>
                    {m.byException}
                  </a>
                )}
              </>
            ),
          },
          {
            title: m.occurred,
            of: ({ occurredAt }) => (
              <time class="whitespace-nowrap" datetime={occurredAt}>
                {momentIn(language, occurredAt, timeZone)}
              </time>
            ),
          },
          { title: words.money.statement.quantity, numeric: true, of: ({ quantity }) => numberIn(language, quantity) },
          {
            title: words.money.statement.base,
            numeric: true,
            of: ({ amountMinor, currency = statement.currency }) =>
              amountMinor === undefined ? '' : moneyIn(language, { amountMinor, currency }),
          },
          { title: m.batch, numeric: true, of: ({ sequence, line: number }) => `${sequence} / ${number}` },
          {
            title: m.entitlement,
            of: ({ entitlementId }) => <code class="whitespace-nowrap text-sm">{entitlementId}</code>,
          },
        ]}
        rows={events.items}
      />
      {(events.next !== undefined || !events.isFirst) && (
        <p class="no-print mt-4 flex flex-wrap gap-3">
          {!events.isFirst && (
            <a class="btn btn-outline btn-sm" href={path}>
              {m.first}
            </a>
          )}
          {events.next !== undefined && (
            <a class="btn btn-outline btn-sm" href={`${path}?${new URLSearchParams({ cursor: events.next })}#events`}>
              {m.next}
            </a>
          )}
        </p>
      )}
      <Downloads words={words} base={`${path}/events`} of={m.eventsDownload} />
    </>
  )
}

const BadCursor: FC<{ visit: StaffVisit; path: string }> = ({ visit, path }) => {
  const { badCursor } = visit.words.exceptions
  return (
    <div role="alert">
      <Alert tone="error">
        <p class="font-semibold">{badCursor.title}</p>
        <p>{badCursor.text}</p>
        <p class="mt-2">
          <a class="link" href={`${path}#events`}>
            {badCursor.first}
          </a>
        </p>
      </Alert>
    </div>
  )
}

const reasonOf = ({ model }: StatementLine) =>
  model === 'per-entitled-member' || model === 'flat'
    ? model
    : model === 'minimum-top-up' || model === 'maximum-cut'
      ? ('limit' as const)
      : ('other' as const)
