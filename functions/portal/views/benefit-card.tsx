import type { FC } from 'hono/jsx'
import type { MembershipOverview } from '../../memberships/overview.ts'
import { type BenefitAction, standingOf } from '../benefit-state.ts'
import { dateIn, localized } from '../language.ts'
import { linkPath, type SignedInVisit, unlinkPath } from '../visit.ts'
import { Monogram } from './mark.tsx'

type Held = MembershipOverview['benefits'][number]
type Props = { visit: SignedInVisit; overview: MembershipOverview; held: Held }

/** One benefit: whose, in what state, on which account, until when, who bills, what is left, what to do. */
export const BenefitCard: FC<Props> = ({ visit, overview, held }) => {
  const { messages, language } = visit
  const { benefit, partner } = held
  const { state, action } = standingOf({ ...held, membership: overview.membership, choice: choiceOf(overview, held) })
  const name = localized(partner.name, language)
  const heading = `benefit-${overview.membership.id}-${benefit.id}`
  const hint = messages.benefitHints[state]
  return (
    <li class={`card is-${state}`}>
      <article aria-labelledby={heading}>
        <div class="card-head">
          <Monogram id={partner.id} name={name} />
          <div>
            <h3 id={heading}>{localized(benefit.name, language)}</h3>
            <p class="fine">
              {name} · {messages.kinds[benefit.kind]}
            </p>
          </div>
          <span class={`badge badge-${state}`}>{messages.benefitStates[state]}</span>
        </div>
        {hint && <p>{hint}</p>}
        <Facts visit={visit} overview={overview} held={held} name={name} />
        {action && (
          <p class="actions">
            <a
              class={action === 'unlink' ? 'button secondary' : 'button'}
              href={addressOf(action, overview, partner.id, benefit.choiceGroup)}
            >
              {
                {
                  link: messages.link,
                  'link-again': messages.linkAgain,
                  unlink: messages.unlink,
                  choose: messages.choose,
                }[action]
              }
              <span class="unseen">{messages.withPartner(localized(benefit.name, language))}</span>
            </a>
          </p>
        )}
      </article>
    </li>
  )
}

const Facts: FC<Props & { name: string }> = ({ visit, overview, held, name }) => {
  const { messages, language } = visit
  const { programme } = overview
  const { benefit, entitlement, link, remaining } = held
  const date = (instant: NonNullable<typeof entitlement>['validUntil']) => dateIn(language, instant, programme.timeZone)
  const live = link && link.state !== 'ended' ? link : undefined
  const used = entitlement && ['active', 'ending', 'suspended', 'pending'].includes(entitlement.state)
  return (
    <dl class="facts">
      {benefit.quota && remaining !== undefined && (
        <div>
          <dt>{messages.remaining}</dt>
          <dd>
            {messages.remainingPer[benefit.quota.per](messages.remainingOf(remaining, benefit.quota.limit))}
            <progress max={Math.max(benefit.quota.limit, remaining)} value={remaining} aria-hidden="true" />
          </dd>
        </div>
      )}
      {live && benefit.linkRequired && (
        <div>
          <dt>{messages.linkedAccount}</dt>
          <dd>
            <strong>{live.account}</strong> <span class="fine">{messages.since(date(live.since))}</span>
          </dd>
        </div>
      )}
      {!benefit.linkRequired && used && (
        <div>
          <dt>{messages.linkedAccount}</dt>
          <dd>{messages.notNeeded}</dd>
        </div>
      )}
      {entitlement && used && (
        <div>
          <dt>{messages.validUntil}</dt>
          <dd>
            <time datetime={entitlement.validUntil}>{date(entitlement.validUntil)}</time>
          </dd>
        </div>
      )}
      <div>
        <dt>{messages.billedBy}</dt>
        <dd>
          {benefit.kind === 'discount'
            ? messages.discountBilling(name)
            : messages.billedByProgramme(localized(programme.name, language), name)}
        </dd>
      </div>
    </dl>
  )
}

export const choiceAnchor = (membership: string, group: string): string => `choose-${membership}-${group}`

function addressOf(
  action: BenefitAction,
  { membership, programme }: MembershipOverview,
  partner: string,
  group = '',
): string {
  if (action === 'choose') return `#${choiceAnchor(membership.id, group)}`
  return action === 'unlink' ? unlinkPath(partner, programme.id) : linkPath(partner, programme.id)
}

function choiceOf({ openChoices, benefits }: MembershipOverview, { benefit, entitlement }: Held) {
  const group = benefit.choiceGroup
  if (!group) return undefined
  const open = openChoices.find(choice => choice.group.id === group)
  if (entitlement?.chosenAt || open?.chosen.includes(benefit.id)) return 'taken' as const
  if (open && open.chosen.length < open.group.choose) return 'open' as const
  // Without anybody chosen there was nothing to choose: the group has no more options than may be taken.
  const decided = benefits.some(other => other.benefit.choiceGroup === group && other.entitlement?.chosenAt)
  return decided ? ('passed-over' as const) : ('taken' as const)
}
