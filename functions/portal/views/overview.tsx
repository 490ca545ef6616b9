import type { FC } from 'hono/jsx'
import type { Instant } from '../../../schemas/primitives.ts'
import { isBefore } from '../../kernel/clock.ts'
import type { MembershipOverview, OtherLink } from '../../memberships/overview.ts'
import { standingIn } from '../benefit-state.ts'
import { dateIn, localized, type Messages, moneyIn } from '../language.ts'
import type { SignedInVisit, View } from '../visit.ts'
import { BenefitCard, choiceAnchor } from './benefit-card.tsx'
import { ChoiceFields } from './choose.tsx'
import { OtherLinks } from './other-links.tsx'
import { Banner, Csrf, Dated, Empty, Fact, PageHead } from './pieces.tsx'

/** What a member has. */
type Everything = {
  /** The newest first. */
  memberships: MembershipOverview[]
  others: OtherLink[]
  now: Instant
}

/** Everything a member has, the newest membership first, and last what is linked beside them. */
export function overviewView(visit: SignedInVisit, { memberships, others, now }: Everything): View {
  const { messages, session } = visit
  const done = bannerOf(visit, memberships, others)
  const standing = others.filter(({ link }) => link.state !== 'ended')
  return {
    title: messages.home,
    body: (
      <>
        {done && <Banner>{done}</Banner>}
        <PageHead title={messages.overviewTitle(session.name)} lead={leadOf(messages, memberships)} />
        <div class="grid gap-12">
          {memberships.map(overview => (
            <MembershipSection visit={visit} overview={overview} now={now} />
          ))}
          {standing.length > 0 && <OtherLinks visit={visit} others={standing} />}
        </div>
      </>
    ),
  }
}

function leadOf(messages: Messages, memberships: MembershipOverview[]): string {
  const states = memberships.flatMap(overview =>
    overview.benefits.map(held => ({ group: groupOf(overview, held), ...standingIn(overview, held) })),
  )
  const waiting = states.filter(({ action }) => action && action !== 'unlink')
  // A group is one thing to do, however many options it has.
  const single = waiting.filter(({ action, group }, place) => {
    const first = waiting.findIndex(other => other.action === 'choose' && other.group === group)
    return action !== 'choose' || first === place
  })
  const inUse = states.filter(({ state }) => state === 'active' || state === 'ending').length
  return messages.overviewLead(inUse, single.length)
}

const groupOf = ({ membership }: MembershipOverview, { benefit }: MembershipOverview['benefits'][number]) =>
  `${membership.id}/${benefit.choiceGroup}`

/** Signed in, but nothing bought with this account. */
export const emptyView = ({ messages, session }: SignedInVisit): View => ({
  title: messages.home,
  body: (
    <>
      <PageHead title={messages.overviewTitle(session.name)} />
      <Empty title={messages.noMembershipTitle} text={messages.noMembership}>
        <p class="text-quiet">{messages.noMembershipOther}</p>
      </Empty>
    </>
  ),
})

/** Says that something was done only if it stands in the records, since anybody can write an address. */
function bannerOf(
  { messages, language, url }: SignedInVisit,
  memberships: MembershipOverview[],
  others: OtherLink[],
): string | undefined {
  const benefits = memberships.flatMap(overview => overview.benefits)
  const at = (partner: string | null) => benefits.filter(held => held.partner.id === partner)
  const linked = at(url.searchParams.get('linked')).find(({ link }) => link?.state === 'active')
  if (linked) return messages.linkedBanner(localized(linked.partner.name, language))
  const gone = url.searchParams.get('unlinked')
  const unlinked = [...at(gone), ...others.filter(({ partner }) => partner.id === gone)].find(
    ({ link }) => link?.state !== 'active',
  )
  if (unlinked) return messages.unlinkedBanner(localized(unlinked.partner.name, language))
  const group = url.searchParams.get('chosen')
  const chosen = benefits.some(({ benefit, entitlement }) => benefit.choiceGroup === group && entitlement?.chosenAt)
  return group && chosen ? messages.chosenBanner : undefined
}

type Props = { visit: SignedInVisit; overview: MembershipOverview; now: Instant }

const MembershipSection: FC<Props> = ({ visit, overview, now }) => {
  const { messages } = visit
  const { membership, benefits, openChoices } = overview
  const over = membership.state === 'ended'
  // Two or four stand better in pairs than with one left over.
  const pairs = benefits.length === 2 || benefits.length === 4
  const undecided = openChoices.filter(({ group, chosen }) => !over && chosen.length < group.choose)
  return (
    <section class="grid gap-5" aria-labelledby={`membership-${membership.id}`}>
      <MemberCard visit={visit} overview={overview} now={now} />
      {undecided.map(choice => (
        <form
          class="card scroll-mt-4 border-2 border-primary"
          id={choiceAnchor(membership.id, choice.group.id)}
          method="post"
          action={`/choose/${choice.group.id}`}
        >
          <div class="card-body">
            <Csrf visit={visit} />
            <ChoiceFields visit={visit} overview={overview} choice={choice} />
            <button type="submit" class="btn btn-primary mt-3 w-full sm:w-fit">
              {messages.chooseButton}
            </button>
          </div>
        </form>
      ))}
      {benefits.length === 0 ? (
        <p class="panel">{messages.noBenefitsHere}</p>
      ) : (
        <ul class={pairs ? 'grid gap-4 sm:grid-cols-2' : 'grid gap-4 sm:grid-cols-2 lg:grid-cols-3'}>
          {benefits.map(held => (
            <BenefitCard visit={visit} overview={overview} held={held} wide={pairs} />
          ))}
        </ul>
      )}
    </section>
  )
}

const MemberCard: FC<Props> = ({ visit, overview, now }) => {
  const { messages, language } = visit
  const { membership, programme, plan } = overview
  const date = (instant: Instant) => dateIn(language, instant, programme.timeZone)
  const over = membership.state === 'ended'
  const end = membership.endedAt ?? membership.endsAt
  return (
    <div class={over ? 'member-card is-over' : 'member-card'}>
      <div class="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h2 id={`membership-${membership.id}`} class="text-xl sm:text-2xl">
          {messages.membershipOf(localized(programme.name, language))}
        </h2>
        <span class="badge border-0 bg-white text-black">{messages.membershipStates[membership.state]}</span>
      </div>
      {hintsOf(messages, overview, now, date).map(hint => (
        <p class="mt-2">
          <Dated text={hint} />
        </p>
      ))}
      <dl class="facts mt-6 w-full sm:flex sm:gap-12">
        <Fact term={over ? messages.endedOn : messages.validUntil}>
          <time datetime={end}>{date(end)}</time>
        </Fact>
        <Fact term={messages.plan}>{plan.name ? localized(plan.name, language) : plan.id}</Fact>
        <Fact term={messages.paid}>{moneyIn(language, membership.paid)}</Fact>
      </dl>
    </div>
  )
}

function hintsOf(
  { membershipHints: hints }: Messages,
  { membership }: MembershipOverview,
  now: Instant,
  date: (instant: Instant) => string,
): string[] {
  const { state, startsAt, trialEndsAt, graceEndsAt, cancelAtEnd } = membership
  if (state === 'ended') return [hints.ended]
  return [
    isBefore(now, startsAt) && hints.notStarted(date(startsAt)),
    state === 'trialing' && trialEndsAt && hints.trialing(date(trialEndsAt)),
    state === 'grace' && graceEndsAt && hints.grace(date(graceEndsAt)),
    state === 'suspended' && hints.suspended,
    cancelAtEnd && hints.cancelAtEnd,
  ].filter(hint => typeof hint === 'string')
}
