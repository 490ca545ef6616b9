import type { LinkId } from '../../schemas/ids.ts'
import type { LinkEndReason, LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { isBefore, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { endLink, standingLink } from './end-link.ts'
import { findAccount, findLinked, findLinkRecord, linkedWrite, linkIsUnchanged, linkWrite } from './store.ts'

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
 * unknown or another partner's is left as it is, so that a repetition changes nothing; but where an account is closed
 * after its link was over, the wait for another account is over too.
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
  if (request.reason === 'account-closed') {
    const over = known?.links.filter(({ state }) => state !== 'active').map(({ id }) => id) ?? []
    for (const id of new Set([...ids, ...over])) await againOnConflict(() => noteClosure(needs, request, id))
  }
  return broken
}

async function breakOne(needs: Needs, request: Request, id: LinkId): Promise<LinkRecord | undefined> {
  const { table, now } = needs
  const { partner, reason } = request
  const link = await findLinkRecord(table, id)
  if (link?.state !== 'active' || !isMeant(link, request)) return undefined
  const standing = await standingLink(table, link.member, link.programme, partner)
  if (standing?.link.id !== id || standing.link.state !== 'active') return undefined
  return endLink(needs, standing, { state: 'broken', reason, at: now() })
}

const isMeant = (link: LinkRecord, { partner, occurredAt }: Request): boolean =>
  link.partner === partner && !(occurredAt && isBefore(occurredAt, link.since))

/**
 * The account of a link that is over was closed: while it is the member's latest at the partner, nobody need wait any
 * more. Why a link ended stays with the link; one that is only broken takes the graver reason.
 */
async function noteClosure({ table }: Needs, request: Request, id: LinkId): Promise<void> {
  const link = await findLinkRecord(table, id)
  if (!link || link.state === 'active' || !isMeant(link, request)) return
  const linked = await findLinked(table, link.member, link.programme, link.partner)
  if (linked?.link !== id || linked.reason === 'account-closed') return
  const reason = 'account-closed'
  await table.commit([
    linkedWrite({ ...linked, reason, version: linked.version + 1 }, linked),
    link.state === 'broken' ? linkWrite({ ...link, reason, seq: link.seq + 1 }, link) : linkIsUnchanged(link),
  ])
}
