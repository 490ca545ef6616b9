import type { LinkedAccount } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { grantedElsewhere } from '../entitlements/attach.ts'
import { loadHolding } from '../entitlements/holding.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { findPartner } from '../partners/find-partner.ts'
import { decideLink } from './decide-link.ts'
import { findAccount, findLinked } from './store.ts'

type Needs = { table: Table; now: Now }
export type LinkCheck = {
  member: string
  programme: string
  partner: string
  /** Absent while nobody knows which account it will be: what then depends on it is left to `completeLink`. */
  account?: string
  /** Until when the account pays the partner itself. */
  paidUntil?: Instant
}

/**
 * Whether `completeLink` would make this link now, with the same refusals; writes nothing. The account that is linked
 * already is no hindrance to itself.
 * @throws Refusal partner-not-found, no-benefit-here, already-linked, account-linked-elsewhere, relink-cooldown,
 * already-entitled, account-already-pays
 */
export async function checkLink({ table, now }: Needs, request: LinkCheck): Promise<void> {
  const { member, account, paidUntil } = request
  const partner = await findPartner({ table }, request.partner)
  const membership = (await liveMemberships({ table }, member)).find(({ programme }) => programme === request.programme)
  if (!membership) throw new Refusal('no-benefit-here', 'there is no live membership of the programme')
  const { programme } = await loadHolding(table, membership.id)
  const benefits = programme.benefits.filter(benefit => benefit.partner === partner.id && benefit.linkRequired)
  if (benefits.length === 0) throw new Refusal('no-benefit-here')
  const linked = await findLinked(table, member, programme.id, partner.id)
  if (account === undefined) return requireNoneLinked(linked)
  if (linked?.state === 'active' && linked.account === account) return
  const known = await findAccount(table, partner.id, account)
  const ids = benefits.map(({ id }) => id)
  const held = await grantedElsewhere(table, known, ids)
  decideLink({ programme, partner, account, known, linked, held, paidUntil }, now())
}

/** While the account is not known: one is linked already, and it may be another one. */
function requireNoneLinked(linked: LinkedAccount | undefined): void {
  if (linked?.state === 'active')
    throw new Refusal('already-linked', 'unlink the account that is linked before another one is linked')
}
