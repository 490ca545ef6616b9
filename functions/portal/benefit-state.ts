import type { Entitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Benefit } from '../../schemas/programme.ts'
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

/** What a card shows and the one action that makes sense now. */
export function standingOf(standing: Standing): { state: BenefitState; action: BenefitAction | undefined } {
  const { link } = standing
  const state = stateOf(standing)
  if (state === 'to-choose') return { state, action: 'choose' }
  if (state === 'to-link') return { state, action: 'link' }
  if (state === 'broken') return { state, action: 'link-again' }
  // A link outlives the membership, and the member may undo it at any time.
  return { state, action: link?.state === 'active' ? 'unlink' : undefined }
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
