import type { FC } from 'hono/jsx'
import { Alert, Banner, Fact, Facts } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { partnerName, programmeName } from '../exception-names.ts'
import { exceptionPath } from '../exception-paths.ts'
import type { Shown } from '../exception-shown.ts'
import { EvidenceSection } from './exception-evidence.tsx'
import { Forms } from './exception-forms.tsx'
import { LinesTable } from './exception-lines.tsx'
import { Actor, actorText, ExceptionBadge, Foreign, SeverityMark } from './exception-marks.tsx'
import { RefusedAlert } from './exception-refused.tsx'
import { DataTable, FinanceHead, momentIn, moneyIn, numberIn, periodIn, Section } from './pieces.tsx'

type Props = { visit: StaffVisit; shown: Shown }

export function exceptionView(visit: StaffVisit, shown: Shown, status = 200): View {
  const { words } = visit
  const { exception, done, refused } = shown
  const text = words.exceptions
  const reason = text.reasons[exception.reason]
  return {
    title: reason.name,
    status,
    reopens: status === 200,
    body: (
      <>
        {done && <Banner>{text.one.done[done]}</Banner>}
        <FinanceHead
          words={words}
          title={reason.name}
          crumbs={[{ href: '/finance/exceptions', name: text.title }]}
          lead={reason.meaning}
          badge={<ExceptionBadge words={words} of={exception} />}
        />
        {refused && <RefusedAlert visit={visit} refused={refused} />}
        <div class="grid gap-x-10 lg:grid-cols-3">
          <div class="min-w-0 lg:col-span-2">
            <Summary visit={visit} shown={shown} />
            <DisputeSection visit={visit} shown={shown} />
            <DecisionSection visit={visit} shown={shown} />
            <EvidenceSection visit={visit} shown={shown} />
            <LinesSection visit={visit} shown={shown} />
            <Trail visit={visit} shown={shown} />
          </div>
          {exception.state !== 'resolved' && (
            <div class="min-w-0">
              <Forms visit={visit} shown={shown} />
            </div>
          )}
        </div>
      </>
    ),
  }
}

const Summary: FC<Props> = ({ visit: { words, language }, shown: { exception, names, timeZone } }) => {
  const text = words.exceptions
  const { columns } = text
  const { amounts, period } = exception
  return (
    <section class="card p-5" aria-label={text.one.common}>
      <Facts columns>
        <Fact term={columns.partner}>{partnerName(names, exception.partner)}</Fact>
        <Fact term={columns.period}>
          {programmeName(names, exception.programme)}
          {period && `, ${periodIn(language, period)}`}
        </Fact>
        <Fact term={columns.count}>{numberIn(language, exception.count)}</Fact>
        <Fact term={columns.quantity}>{numberIn(language, exception.quantity)}</Fact>
        <Fact term={columns.amount}>
          {amounts.length === 0 ? text.noAmount : amounts.map(sum => moneyIn(language, sum)).join(', ')}
        </Fact>
        <Fact term={columns.severity}>
          <SeverityMark words={words} severity={exception.severity} />
        </Fact>
        <Fact term={columns.deadline}>
          <time datetime={exception.deadline}>{momentIn(language, exception.deadline, timeZone)}</time>
        </Fact>
        <Fact term={columns.assignee}>
          {exception.assignee === undefined ? text.nobody : <Foreign text={exception.assignee} />}
        </Fact>
        <Fact term={text.helps} whole>
          {text.reasons[exception.reason].helps}
        </Fact>
        <Fact term={text.one.common} whole>
          <span lang="en">
            <Foreign text={exception.cause} />
          </span>
        </Fact>
        <Fact term={text.one.number} whole>
          <code>{exception.id}</code>
        </Fact>
      </Facts>
      {exception.final && <p class="mt-4 text-sm text-quiet">{text.one.final}</p>}
      <p class="mt-4 text-sm text-quiet">{text.one.times(timeZone)}</p>
    </section>
  )
}

const DisputeSection: FC<Props> = ({ visit: { words, language }, shown: { exception, timeZone } }) => {
  const { dispute, state } = exception
  const text = words.exceptions.one.dispute
  if (!dispute) return null
  return (
    <Section id="dispute" title={text.title}>
      <Alert tone={state === 'resolved' ? 'neutral' : 'warning'}>
        <p class="whitespace-pre-wrap">
          <Foreign text={dispute.reason} />
        </p>
        <p class="mt-1 text-sm">
          <Actor words={words} actor={dispute.actor} />, {text.at(momentIn(language, dispute.at, timeZone))}
        </p>
        {dispute.reopened && state !== 'resolved' && <p class="mt-1 text-sm">{text.reopened}</p>}
      </Alert>
    </Section>
  )
}

const DecisionSection: FC<Props> = ({ visit: { words, language }, shown: { exception, timeZone } }) => {
  const { resolution, deadline, dispute } = exception
  const text = words.exceptions.one.decision
  if (!resolution) return null
  const { outcome, amount, billedIn } = resolution
  return (
    <Section id="decision" title={`${text.title}: ${words.exceptions.outcomes[outcome]}`}>
      <p class="whitespace-pre-wrap">
        <Foreign text={resolution.reason} />
      </p>
      <p class="text-sm text-quiet">
        {text.by(actorText(words, resolution.actor), momentIn(language, resolution.at, timeZone))}
      </p>
      {amount && (
        <p class="mt-2">
          {text.amount}: <strong>{moneyIn(language, amount)}</strong>
        </p>
      )}
      {billedIn && <p>{text.billed(periodIn(language, billedIn))}</p>}
      {outcome === 'rejected' && (
        <p>{dispute?.reopened ? text.final : text.until(momentIn(language, deadline, timeZone))}</p>
      )}
    </Section>
  )
}

const LinesSection: FC<Props> = ({ visit, shown: { exception } }) => {
  const { words, language } = visit
  const text = words.exceptions.one.lines
  const count = numberIn(language, exception.count)
  const isPart = exception.count > exception.lines.length
  return (
    <Section
      id="lines"
      title={text.title}
      {...(isPart && { lead: text.some(numberIn(language, exception.lines.length), count) })}
    >
      <LinesTable visit={visit} lines={exception.lines} />
      {isPart && (
        <p class="mt-3">
          <a class="link" href={exceptionPath(exception.id, '/lines')}>
            {text.all(count)}
          </a>
        </p>
      )}
    </Section>
  )
}

const Trail: FC<Props> = ({ visit: { words, language }, shown: { exception, timeZone } }) => {
  const text = words.exceptions.one.trail
  return (
    <Section id="trail" title={text.title} lead={text.note}>
      <DataTable
        caption={text.title}
        captionHidden
        rows={exception.audit}
        columns={[
          {
            title: text.when,
            of: ({ at }) => (
              <time datetime={at} class="whitespace-nowrap">
                {momentIn(language, at, timeZone)}
              </time>
            ),
          },
          { title: text.who, of: ({ actor }) => <Actor words={words} actor={actor} /> },
          {
            title: text.what,
            heads: true,
            of: ({ action, note }) => (
              <>
                {text.actions[action]}
                {note !== undefined && (
                  <span class="block font-normal whitespace-pre-wrap">
                    <Foreign text={note} />
                  </span>
                )}
              </>
            ),
          },
        ]}
      />
    </Section>
  )
}
