import type { Entitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Benefit } from '../../schemas/programme.ts'
import type { BenefitOverview, MembershipOverview } from '../memberships/overview.ts'
import type { Messages } from './language.ts'

export type BenefitState = keyof Messages['benefitStates']
export type BenefitAction = 'link' | 'link-again' | 'choose' | 'unlink'

export type Standing = {
  membership: Pick<Membership, 'state'>
  benefit: Pick<Benefit, 'linkRequired'>
  entitlement: Pick<Entitlement, 'state'> | undefined
  link: Pick<LinkRecord, 'state'> | undefined
  /** Of the benefit's choice group, if it has one. */
  choice?: 'open' | 'taken' | 'passed-over' | undefined
}

/** The same for a benefit as it stands in its membership. */
export const standingIn = (overview: MembershipOverview, held: BenefitOverview) =>
  standingOf({ ...held, membership: overview.membership, choice: choiceOf(overview, held) })

function choiceOf({ openChoices, benefits }: MembershipOverview, { benefit, entitlement }: BenefitOverview) {
  const group = benefit.choiceGroup
  if (!group) return undefined
  const open = openChoices.find(choice => choice.group.id === group)
  if (entitlement?.chosenAt || open?.chosen.includes(benefit.id)) return 'taken' as const
  if (open && open.chosen.length < open.group.choose) return 'open' as const
  // Without anybody chosen there was nothing to choose: the group has no more options than may be taken.
  const decided = benefits.some(other => other.benefit.choiceGroup === group && other.entitlement?.chosenAt)
  return decided ? ('passed-over' as const) : ('taken' as const)
}

/** What a card shows and the one action that makes sense now. */
export function standingOf(standing: Standing): { state: BenefitState; action: BenefitAction | undefined } {
  const { link, benefit } = standing
  const state = stateOf(standing)
  if (state === 'to-choose') return { state, action: 'choose' }
  if (state === 'to-link') return { state, action: 'link' }
  if (state === 'broken') return { state, action: 'link-again' }
  // A link outlives the membership, and the member may undo it at any time, where it shows that it is needed.
  return { state, action: link?.state === 'active' && benefit.linkRequired ? 'unlink' : undefined }
}

function stateOf({ membership, benefit, entitlement, link, choice }: Standing): BenefitState {
  if (membership.state === 'ended') return 'ended'
  switch (entitlement?.state) {
    case 'active':
    case 'ending':
    case 'suspended':
    case 'failed':
      return entitlement.state
    case 'pending':
      return 'waiting'
  }
  if (choice === 'open') return 'to-choose'
  if (choice === 'passed-over') return 'not-chosen'
  if (link?.state === 'broken') return 'broken'
  if (benefit.linkRequired && link?.state !== 'active') return 'to-link'
  return entitlement?.state === 'revoked' || entitlement?.state === 'ended' ? 'ended' : 'waiting'
}
