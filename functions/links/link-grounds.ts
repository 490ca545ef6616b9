import type { LinkId } from '../../schemas/ids.ts'
import type { AccountRecord, LinkedAccount } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { grantedElsewhere } from '../entitlements/attach.ts'
import { type Holding, loadHolding } from '../entitlements/holding.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { caughtUp } from '../memberships/catch-up.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { findPartner } from '../partners/find-partner.ts'
import { findAccount, findLinked } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId }
/** Without `account` while nobody knows which one it will be. */
type Asked = { member: string; programme: string; partner: string; account?: string }

/** What a decision to link rests on. */
export type LoadedGrounds = {
  at: Instant
  partner: Partner
  known: AccountRecord | undefined
  linked: LinkedAccount | undefined
  /** As it is stored. */
  stored: Holding
  /** With every boundary applied up to `at`, however late the timers are. */
  current: Holding
  /** Benefits that another live link of the account holds. */
  held: string[]
}

/**
 * Loads the grounds on which an account may be linked to a member, for who makes the link and for who only asks whether
 * it could be made.
 * @returns `standing` where this very account is linked to the member already: there is nothing to decide then
 * @throws Refusal partner-not-found; no-benefit-here where no membership has a benefit to link at the partner by now
 */
export async function loadGrounds(needs: Needs, asked: Asked): Promise<LoadedGrounds | { standing: LinkId }> {
  const { table, now } = needs
  const { member, programme, account } = asked
  const partner = await findPartner({ table }, asked.partner)
  // The account first: a rival of this very link that commits in between is then seen by the next read.
  const known = account === undefined ? undefined : await findAccount(table, partner.id, account)
  const linked = await findLinked(table, member, programme, partner.id)
  if (linked?.state === 'active' && linked.account === account) return { standing: linked.link }
  const at = now()
  const stored = await liveHolding(table, member, programme)
  const current = await caughtUp(needs, stored, at)
  if (current.membership.state === 'ended') throw new Refusal('no-benefit-here', 'the membership is over')
  const benefits = current.programme.benefits.filter(benefit => benefit.partner === partner.id && benefit.linkRequired)
  if (benefits.length === 0) throw new Refusal('no-benefit-here')
  const ids = benefits.map(({ id }) => id)
  const held = await grantedElsewhere(table, known, ids)
  return { at, partner, known, linked, stored, current, held }
}

async function liveHolding(table: Table, member: string, programme: string): Promise<Holding> {
  const membership = (await liveMemberships({ table }, member)).find(live => live.programme === programme)
  if (!membership) throw new Refusal('no-benefit-here', 'there is no live membership of the programme')
  return loadHolding(table, membership.id)
}
