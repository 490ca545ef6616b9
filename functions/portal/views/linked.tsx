import type { FC } from 'hono/jsx'
import type { BenefitOverview, MembershipOverview } from '../../memberships/overview.ts'
import { type BenefitState, standingIn } from '../benefit-state.ts'
import { dateIn, localized } from '../language.ts'
import { choosePath, linkPath, type SignedInVisit, unlinkPath, type View } from '../visit.ts'
import { billingOf, hintOf, StateBadge } from './benefit-card.tsx'
import { Actions, Dated, Fact, Facts, Heading, PageHead, Panel, Tick } from './pieces.tsx'

type Linked = { visit: SignedInVisit; overview: MembershipOverview; held: BenefitOverview[] }

/** After linking: what the records say now, and what to do next. */
export function linkedView(linked: Linked): View | undefined {
  const { visit, overview, held } = linked
  const { messages, language } = visit
  const [first] = held
  if (!first?.link) return undefined
  const { partner, link } = first
  const name = localized(partner.name, language)
  const standings = held.map(one => ({ one, ...standingIn(overview, one) }))
  const open = standings.find(({ state }) => state === 'to-choose')?.one.benefit.choiceGroup
  // Nobody is billed for what is still to be chosen.
  const decided = standings.filter(({ state }) => state !== 'to-choose')
  const billed = decided.length > 0 ? decided : standings
  const title = messages.linkedTitle(name)
  const { programme } = overview
  return {
    title,
    body: (
      <Panel>
        <div role="status" class="text-success">
          <Tick large />
          <div class="mt-3 text-base-content">
            <PageHead title={title} lead={nextOf(linked, name, open !== undefined)} />
          </div>
        </div>
        <Facts columns>
          <Fact term={messages.linkedAccount}>
            <strong>{link.account}</strong>
            <span class="block text-sm whitespace-nowrap text-quiet">
              {messages.since(dateIn(language, link.since, programme.timeZone))}
            </span>
          </Fact>
          <Fact term={messages.billedBy}>
            {[...new Set(billed.map(({ one }) => billingOf(visit, overview, one, name)))].map(text => (
              <p>
                <Dated text={text} />
              </p>
            ))}
          </Fact>
        </Facts>
        <Heading>{messages.linkedBenefits}</Heading>
        <ul class="divide-y divide-base-300">
          {standings.map(({ one, state }) => (
            <BenefitRow visit={visit} overview={overview} one={one} state={state} />
          ))}
        </ul>
        <Actions>
          {open && (
            <a class="btn btn-primary w-full sm:w-auto" href={choosePath(open, programme.id)}>
              {messages.choose}
            </a>
          )}
          <a
            class={open ? 'btn btn-outline w-full sm:w-auto' : 'btn btn-primary w-full sm:w-auto'}
            href={new URL(partner.issuer).origin}
          >
            {messages.openPartner(name)}
          </a>
          <a class="btn btn-outline w-full sm:w-auto" href="/">
            {messages.backHome}
          </a>
        </Actions>
        <p class="mt-6 text-sm text-quiet">
          {messages.linkedUndo}{' '}
          <a class="link" href={unlinkPath(partner.id, programme.id)}>
            {messages.unlink}
          </a>
        </p>
      </Panel>
    ),
  }
}

function nextOf({ visit, overview, held }: Linked, name: string, open: boolean): string {
  const { messages } = visit
  if (open) return messages.linkedChoose
  const active = held.some(one => ['active', 'ending'].includes(standingIn(overview, one).state))
  return active ? messages.linkedReady(name) : messages.linkedWaiting
}

const BenefitRow: FC<Omit<Linked, 'held'> & { one: BenefitOverview; state: BenefitState }> = props => {
  const { visit, overview, one, state } = props
  const hint = hintOf(visit, overview, one)
  const until = one.entitlement?.validUntil
  const live = state === 'active' || state === 'ending'
  return (
    <li class="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 py-3">
      <span class="font-semibold">{localized(one.benefit.name, visit.language)}</span>
      <StateBadge visit={visit} state={state} />
      {live && until ? (
        <p class="w-full text-sm text-quiet">
          {visit.messages.validUntil}{' '}
          <time datetime={until}>{dateIn(visit.language, until, overview.programme.timeZone)}</time>
        </p>
      ) : (
        hint && (
          <p class="w-full text-sm text-quiet">
            <Dated text={hint} />
          </p>
        )
      )}
    </li>
  )
}

/** The address was opened, but the records hold no link. */
export function notLinkedView({ messages }: SignedInVisit, partner: { id: string; name: string }, programme?: string) {
  const title = messages.nothingLinkedTitle(partner.name)
  return {
    title,
    body: (
      <Panel>
        <PageHead title={title} lead={messages.linkMissingLead(partner.name)} partner={partner} />
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href={linkPath(partner.id, programme)}>
            {messages.consentTitle(partner.name)}
          </a>
          <a class="btn btn-outline w-full sm:w-auto" href="/">
            {messages.backHome}
          </a>
        </Actions>
      </Panel>
    ),
  } satisfies View
}
