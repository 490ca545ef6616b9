import type { FC } from 'hono/jsx'
import type { Instant } from '../../../schemas/primitives.ts'
import { isBefore } from '../../kernel/clock.ts'
import type { BenefitOverview, MembershipOverview } from '../../memberships/overview.ts'
import { type BenefitAction, type BenefitState, standingIn } from '../benefit-state.ts'
import { dateIn, localized } from '../language.ts'
import { choosePath, linkPath, type SignedInVisit, unlinkPath } from '../visit.ts'
import { Monogram } from './mark.tsx'
import { Badge, Dated, Fact, Facts, type Tone } from './pieces.tsx'

type Props = { visit: SignedInVisit; overview: MembershipOverview; held: BenefitOverview }

const tones: Record<BenefitState, Tone> = {
  active: 'success',
  ending: 'warning',
  'to-link': 'info',
  'to-choose': 'info',
  'not-chosen': 'neutral',
  broken: 'error',
  waiting: 'warning',
  suspended: 'neutral',
  failed: 'error',
  ended: 'neutral',
}

export const StateBadge: FC<{ visit: SignedInVisit; state: BenefitState }> = ({ visit, state }) => (
  <Badge tone={tones[state]}>{visit.messages.benefitStates[state]}</Badge>
)

/** One benefit: whose, in what state, on which account, until when, who bills, what is left, what to do. */
export const BenefitCard: FC<Props & { wide?: boolean }> = ({ visit, overview, held, wide = false }) => {
  const { messages, language } = visit
  const { benefit, partner } = held
  const { state, action } = standingIn(overview, held)
  const name = localized(partner.name, language)
  const heading = `benefit-${overview.membership.id}-${benefit.id}`
  const hint = hintOf(visit, overview, held)
  const quiet = state === 'ended' || state === 'not-chosen'
  return (
    <li class={quiet ? 'card bg-transparent shadow-none' : 'card'}>
      <article class="card-body gap-4" aria-labelledby={heading}>
        <div class="flex items-start gap-3">
          <Monogram id={partner.id} name={name} />
          <div class="min-w-0 flex-1">
            <h3 id={heading} class="text-lg">
              {localized(benefit.name, language)}
            </h3>
            <p class="text-sm text-quiet">
              {name} · {messages.kinds[benefit.kind]}
            </p>
          </div>
        </div>
        <div class="flex flex-wrap items-center gap-x-3 gap-y-2">
          <StateBadge visit={visit} state={state} />
          {hint && (
            <p class="w-full">
              <Dated text={hint} />
            </p>
          )}
        </div>
        <BenefitFacts visit={visit} overview={overview} held={held} wide={wide} />
        <CardActions visit={visit} overview={overview} held={held} action={action} />
      </article>
    </li>
  )
}

/** What the state means for the member, with its date where there is one. */
export function hintOf(visit: SignedInVisit, overview: MembershipOverview, held: BenefitOverview): string {
  const { messages, language } = visit
  const { membership, programme } = overview
  const { state } = standingIn(overview, held)
  const name = localized(held.partner.name, language)
  const date = (instant: Instant) => dateIn(language, instant, programme.timeZone)
  const reason = held.link?.reason
  if (state === 'broken' && (reason === 'consent-revoked' || reason === 'account-closed'))
    return messages.brokenHints[reason](name)
  const { notBefore } = held.entitlement ?? {}
  if (state === 'waiting' && notBefore && isBefore(membership.startsAt, notBefore))
    return messages.waitingPaid(name, date(notBefore))
  if (state === 'waiting' && held.entitlement?.state === 'pending')
    return messages.waitingUntil(date(membership.startsAt))
  return messages.benefitHints[state]
}

const BenefitFacts: FC<Props & { wide: boolean }> = ({ visit, overview, held, wide }) => {
  const { messages, language } = visit
  const { benefit, entitlement, link, remaining, partner } = held
  const name = localized(partner.name, language)
  const date = (instant: Instant) => dateIn(language, instant, overview.programme.timeZone)
  const used = entitlement && ['active', 'ending', 'suspended', 'pending'].includes(entitlement.state)
  return (
    <Facts columns={wide}>
      {benefit.quota && remaining !== undefined && (
        <Fact term={messages.remaining}>
          <span class="font-semibold">
            {messages.remainingPer[benefit.quota.per](messages.remainingOf(remaining, benefit.quota.limit))}
          </span>
          <progress
            class="progress progress-primary mt-1 block"
            max={Math.max(benefit.quota.limit, remaining)}
            value={remaining}
            aria-label={messages.remaining}
          />
        </Fact>
      )}
      {link && benefit.linkRequired && (
        <Fact term={link.state === 'broken' ? messages.linkedBefore : messages.linkedAccount}>
          <strong>{link.account}</strong>
          {link.state === 'active' && (
            <span class="block text-sm whitespace-nowrap text-quiet">{messages.since(date(link.since))}</span>
          )}
        </Fact>
      )}
      {!benefit.linkRequired && used && <Fact term={messages.linkedAccount}>{messages.notNeeded}</Fact>}
      {entitlement && used && (
        <Fact term={messages.validUntil}>
          <time datetime={entitlement.validUntil}>{date(entitlement.validUntil)}</time>
        </Fact>
      )}
      <Fact term={messages.billedBy} whole>
        <Dated text={billingOf(visit, overview, held, name)} />
      </Fact>
    </Facts>
  )
}

export function billingOf(
  { messages, language }: SignedInVisit,
  { programme }: MembershipOverview,
  { benefit, entitlement }: BenefitOverview,
  partner: string,
): string {
  const paidUntil = entitlement?.state === 'pending' ? entitlement.notBefore : undefined
  if (paidUntil) return messages.billedBySelf(partner, dateIn(language, paidUntil, programme.timeZone))
  if (benefit.kind === 'discount') return messages.discountBilling(partner)
  return messages.billedByProgramme(localized(programme.name, language), partner)
}

const CardActions: FC<Props & { action: BenefitAction | undefined }> = ({ visit, overview, held, action }) => {
  const { messages, language } = visit
  const { benefit, partner } = held
  const { programme, membership, openChoices } = overview
  const about = <span class="sr-only">{messages.withPartner(localized(benefit.name, language))}</span>
  const group = openChoices.find(choice => choice.group.id === benefit.choiceGroup)
  const decided = group && group.chosen.length >= group.group.choose && membership.state !== 'ended'
  if (!action && !decided) return null
  const label = action && { link: 'link', 'link-again': 'linkAgain', unlink: 'unlink', choose: 'choose' }[action]
  const isMain = action === 'link' || action === 'link-again'
  const address = {
    link: linkPath(partner.id, programme.id),
    'link-again': linkPath(partner.id, programme.id),
    unlink: unlinkPath(partner.id, programme.id),
    choose: `#${choiceAnchor(membership.id, benefit.choiceGroup ?? '')}`,
  }
  return (
    <div class="mt-auto flex flex-wrap gap-2 pt-1">
      {action && (
        <a
          class={isMain ? 'btn btn-primary w-full sm:w-auto sm:min-w-40' : 'btn btn-outline btn-sm'}
          href={address[action]}
        >
          {messages[label as 'link' | 'linkAgain' | 'unlink' | 'choose']}
          {about}
        </a>
      )}
      {decided && (
        <a class="btn btn-outline btn-sm" href={choosePath(group.group.id, programme.id)}>
          {messages.changeChoice}
          {about}
        </a>
      )}
    </div>
  )
}

export const choiceAnchor = (membership: string, group: string): string => `choose-${membership}-${group}`
