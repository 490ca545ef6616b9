import type { LinkId, MemberId } from '../../schemas/ids.ts'
import type { LinkEndReason, LinkRecord } from '../../schemas/link.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { endBroken, endLink, standingLink } from './end-link.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type Request = {
  member: MemberId
  programme: string
  partner: string
  reason: Extract<LinkEndReason, 'member' | 'partner' | 'relinked' | 'erased'>
  /** The very link that is meant, where one made since must stay. */
  link?: LinkId | undefined
}

/**
 * Ends a link and the entitlements that stood in it; the account is free for others, the member waits for the
 * partner's cooldown before linking another one. The partner is told by an event. A broken link ends too.
 * @throws Refusal link-not-found when nothing is linked, or another link than the one that is meant
 */
export async function unlink(needs: Needs, request: Request): Promise<LinkRecord> {
  return againOnConflict(async () => {
    const { member, programme, partner, reason, link } = request
    const standing = await standingLink(needs.table, member, programme, partner)
    if (!standing || (link !== undefined && standing.link.id !== link))
      throw new Refusal('link-not-found', 'no account of this partner is linked')
    const at = needs.now()
    if (standing.link.state === 'broken') return endBroken(needs, standing, { reason, at })
    return endLink(needs, standing, { state: 'ended', reason, at })
  })
}
