import type { Entitlement } from '../../schemas/entitlement.ts'
import type { LinkId } from '../../schemas/ids.ts'
import type { Table, Write } from '../kernel/table.ts'
import { isTerminal } from './derive.ts'
import { type CountedQuota, countedWrite, findCounted } from './store.ts'

type Needs = { table: Table }
type Move = { partner: string; from: LinkId | undefined; to: LinkId; entitlements: Entitlement[] }

/**
 * What a new link writes with itself, so that an allowance that needs no link is not given afresh: the entitlement goes
 * on under its id, hence so do its counts, from the member's former link at the partner to the one that tells of it now.
 * The former count is put over its version, so that nobody who read it before counts on there; who comes later is told
 * where it went. The uses themselves stay where they were noted first, which the new count names.
 */
export async function quotaMove({ table }: Needs, { partner, from, to, entitlements }: Move): Promise<Write[]> {
  const moving = entitlements.filter(
    held => held.partner === partner && !held.linkRequired && held.quota && !isTerminal(held.state),
  )
  if (from === undefined || moving.length === 0) return []
  const before = await findCounted(table, from)
  const ids = moving.map(({ id }) => id)
  const known = Object.entries(before?.quotas ?? {})
  const isMoving = ([id]: [string, unknown]) => ids.some(moved => moved === id)
  const { usesAt, asOf } = before ?? {}
  const kept = Object.fromEntries(known.filter(entry => !isMoving(entry)))
  const moved = Object.fromEntries(known.filter(isMoving))
  return [
    countedWrite({ partner, link: from, quotas: kept, asOf, usesAt, moved: { to, entitlements: ids } }, before),
    countedWrite({ partner, link: to, quotas: moved, asOf, usesAt: usesAt ?? from }, undefined),
  ]
}

/** Where an entitlement of a link is counted by now, and what is counted there. */
export type StandingCount = { link: LinkId; counted: CountedQuota | undefined }

/** Follows a count to the link that the member has made since, and the next one: cooldowns keep them few. */
export async function standingCount(
  { table }: Needs,
  { link, entitlement }: { link: LinkId; entitlement: string },
): Promise<StandingCount> {
  const counted = await findCounted(table, link)
  const { moved } = counted ?? {}
  return moved?.entitlements.some(id => id === entitlement)
    ? standingCount({ table }, { link: moved.to, entitlement })
    : { link, counted }
}
