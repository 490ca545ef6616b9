import type { LinkId } from '../../schemas/ids.ts'
import type { LinkEndReason, LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { isBefore, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { endLink, standingLink } from './end-link.ts'
import { findAccount, findLinkRecord } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type Request = {
  partner: string
  reason: Extract<LinkEndReason, 'consent-revoked' | 'account-closed'>
  /** By business time. Links made later stay: what is told late, or again, is not about them. */
  occurredAt?: Instant
} & ({ account: string } | { link: LinkId })

/**
 * Breaks a link, or all links of an account: at the partner the consent or the account itself is gone. Entitlements end
 * as by `unlink`; the member may link again, after the cooldown unless the account was closed. What is broken, ended,
 * unknown or another partner's is left as it is, so that a repetition changes nothing.
 * @returns the links that were broken
 */
export async function breakLink(needs: Needs, request: Request): Promise<LinkRecord[]> {
  const known = 'link' in request ? undefined : await findAccount(needs.table, request.partner, request.account)
  const ids = 'link' in request ? [request.link] : Object.values(known?.live ?? {})
  const broken: LinkRecord[] = []
  for (const id of ids) {
    const one = await againOnConflict(() => breakOne(needs, request, id))
    if (one) broken.push(one)
  }
  return broken
}

async function breakOne(needs: Needs, { partner, reason, occurredAt }: Request, id: LinkId) {
  const { table, now } = needs
  const link = await findLinkRecord(table, id)
  if (link?.state !== 'active' || link.partner !== partner) return undefined
  if (occurredAt && isBefore(occurredAt, link.since)) return undefined
  const standing = await standingLink(table, link.member, link.programme, partner)
  if (standing?.link.id !== id || standing.link.state !== 'active') return undefined
  return endLink(needs, standing, { state: 'broken', reason, at: now() })
}
