import type { FC } from 'hono/jsx'
import type { Instant } from '../../../schemas/primitives.ts'
import { isBefore } from '../../kernel/clock.ts'
import type { MembershipOverview } from '../../memberships/overview.ts'
import { dateIn, localized, type Messages, moneyIn } from '../language.ts'
import type { SignedInVisit, View } from '../visit.ts'
import { BenefitCard, choiceAnchor } from './benefit-card.tsx'
import { Banner, Csrf } from './layout.tsx'

/** Everything a member has, the newest membership first. */
export function overviewView(visit: SignedInVisit, memberships: MembershipOverview[], now: Instant): View {
  const { messages, session } = visit
  const done = bannerOf(visit, memberships)
  return {
    title: messages.home,
    body: (
      <>
        {done && <Banner>{done}</Banner>}
        <h1>{messages.overviewTitle(session.name)}</h1>
        {memberships.map(withOwnLinks).map(overview => (
          <MembershipSection visit={visit} overview={overview} now={now} />
        ))}
      </>
    ),
  }
}

/** A link stands with the programme's live membership, if there is one, and not with those that are over. */
function withOwnLinks(overview: MembershipOverview, _index: number, all: MembershipOverview[]): MembershipOverview {
  const { membership, programme } = overview
  const renewed = all.some(other => other.programme.id === programme.id && other.membership.state !== 'ended')
  if (membership.state !== 'ended' || !renewed) return overview
  return { ...overview, benefits: overview.benefits.map(held => ({ ...held, link: undefined })) }
}

/** Signed in, but nothing bought with this account. */
export const emptyView = ({ messages, session }: SignedInVisit): View => ({
  title: messages.home,
  body: (
    <>
      <h1>{messages.overviewTitle(session.name)}</h1>
      <section class="panel notice" aria-labelledby="empty">
        <h2 id="empty">{messages.noMembershipTitle}</h2>
        <p class="lead">{messages.noMembership}</p>
        <p>{messages.noMembershipOther}</p>
      </section>
    </>
  ),
})

/** Says that something was done only if it stands in the records, since anybody can write an address. */
function bannerOf({ messages, language, url }: SignedInVisit, memberships: MembershipOverview[]): string | undefined {
  const benefits = memberships.flatMap(overview => overview.benefits)
  const at = (partner: string | null) => benefits.filter(held => held.partner.id === partner)
  const linked = at(url.searchParams.get('linked')).find(({ link }) => link?.state === 'active')
  if (linked) return messages.linkedBanner(localized(linked.partner.name, language))
  const unlinked = at(url.searchParams.get('unlinked')).find(({ link }) => link?.state !== 'active')
  if (unlinked) return messages.unlinkedBanner(localized(unlinked.partner.name, language))
  const group = url.searchParams.get('chosen')
  const chosen = benefits.some(({ benefit, entitlement }) => benefit.choiceGroup === group && entitlement?.chosenAt)
  return group && chosen ? messages.chosenBanner : undefined
}

type Props = { visit: SignedInVisit; overview: MembershipOverview; now: Instant }

const MembershipSection: FC<Props> = ({ visit, overview, now }) => {
  const { messages, language } = visit
  const { membership, programme, plan, benefits, openChoices } = overview
  const heading = `membership-${membership.id}`
  const date = (instant: Instant) => dateIn(language, instant, programme.timeZone)
  const over = membership.state === 'ended'
  const undecided = openChoices.filter(({ group, chosen }) => !over && chosen.length < group.choose)
  const end = membership.endedAt ?? membership.endsAt
  return (
    <section class={over ? 'membership is-over' : 'membership'} aria-labelledby={heading}>
      <div class="pass">
        <div class="pass-head">
          <h2 id={heading}>{messages.membershipOf(localized(programme.name, language))}</h2>
          <span class="badge badge-on-pass">{messages.membershipStates[membership.state]}</span>
        </div>
        {hintsOf(messages, overview, now, date).map(hint => (
          <p>{hint}</p>
        ))}
        <dl class="facts">
          <div>
            <dt>{over ? messages.endedOn : messages.validUntil}</dt>
            <dd>
              <time datetime={end}>{date(end)}</time>
            </dd>
          </div>
          <div>
            <dt>{messages.plan}</dt>
            <dd>{plan.name ? localized(plan.name, language) : plan.id}</dd>
          </div>
          <div>
            <dt>{messages.paid}</dt>
            <dd>{moneyIn(language, membership.paid)}</dd>
          </div>
        </dl>
      </div>
      {undecided.map(choice => (
        <ChoiceForm visit={visit} overview={overview} choice={choice} />
      ))}
      {benefits.length === 0 ? (
        <p class="panel">{messages.noBenefitsHere}</p>
      ) : (
        <ul class="cards">
          {benefits.map(held => (
            <BenefitCard visit={visit} overview={overview} held={held} />
          ))}
        </ul>
      )}
    </section>
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

type Choice = MembershipOverview['openChoices'][number]

const ChoiceForm: FC<{ visit: SignedInVisit; overview: MembershipOverview; choice: Choice }> = props => {
  const { visit, overview, choice } = props
  const { messages, language } = visit
  const { group, options, chosen } = choice
  const anchor = choiceAnchor(overview.membership.id, group.id)
  const partnerOf = (id: string) => overview.benefits.find(({ partner }) => partner.id === id)?.partner.name ?? id
  return (
    <form class="panel choice" id={anchor} method="post" action={`/choose/${group.id}`}>
      <Csrf visit={visit} />
      <input type="hidden" name="programme" value={overview.programme.id} />
      <fieldset aria-describedby={`${anchor}-hint`}>
        <legend>{messages.chooseTitle(group.choose, options.length)}</legend>
        <p id={`${anchor}-hint`}>
          {messages.chooseLead} {group.changeEvery && messages.chooseChangeEvery}
        </p>
        {options.map(option => (
          <label class="option">
            <input
              type={group.choose === 1 ? 'radio' : 'checkbox'}
              name="benefit"
              value={option.id}
              required={group.choose === 1}
              checked={chosen.includes(option.id)}
            />
            <span>
              {localized(option.name, language)}
              <span class="fine"> · {localized(partnerOf(option.partner), language)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="actions">
        <button type="submit" class="button">
          {messages.chooseButton}
        </button>
      </p>
    </form>
  )
}
