import type { Entitlement } from '../../schemas/entitlement.ts'
import type { EntitlementId } from '../../schemas/ids.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Benefit, Programme } from '../../schemas/programme.ts'
import { hashOf } from '../kernel/canonical.ts'
import { earlier, isBefore, later } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table, Write } from '../kernel/table.ts'
import { linkWrite, liveLinks } from '../links/records.ts'
import { findMembershipRecord, liveRemoval, membershipWrite } from '../memberships/records.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { drawStatusIndex } from '../tokens/draw-status-index.ts'
import { nextStatus } from '../tokens/link-status.ts'
import { derive, endedAt, groupStanding, isTerminal, projection } from './derive.ts'
import { entitlementWrite, findEntitlements } from './store.ts'

/** All that one membership moves together: itself, its entitlements, and the links they stand in. */
export type Holding = {
  programme: Programme
  membership: Membership
  entitlements: Entitlement[]
  links: LinkRecord[]
}

/** @throws Refusal membership-not-found */
export async function loadHolding(table: Table, id: string): Promise<Holding> {
  const membership = await findMembershipRecord(table, id)
  if (!membership) throw new Refusal('membership-not-found', `there is no membership ${id}`)
  const programme = await findProgramme({ table }, membership.programme, membership.programmeVersion)
  const [entitlements, links] = await Promise.all([
    findEntitlements(table, membership.entitlements),
    liveLinks(table, membership.member, membership.programme),
  ])
  // Ids sort by when they were made; the table answers in any order.
  return { programme, membership, entitlements: entitlements.toSorted((a, b) => (a.id < b.id ? -1 : 1)), links }
}

type Tools = { at: Instant; newId: NewId; subjects: Record<string, Entitlement['subject']> }

/**
 * Brings a holding in order at an instant: entitlements follow from membership, links and choices, and a benefit whose
 * entitlement ended while the membership lives is offered anew under a new id. Pure but for the ids handed in.
 */
export function settle(holding: Holding, { at, newId, subjects }: Tools): Holding {
  const { programme, membership, links } = holding
  const linkOf = (partner: string) => links.find(link => link.partner === partner && link.state === 'active')
  const derived = (entitlements: Entitlement[]) => {
    const unchosen = unchosenIn(programme, entitlements)
    return entitlements.map(entitlement =>
      derive(
        entitlement,
        { membership, link: linkOf(entitlement.partner), unchosen: unchosen.has(entitlement.id) },
        at,
      ),
    )
  }
  const kept = derived(holding.entitlements.map(entitlement => onTerms(programme, entitlement, at)))
  const fresh = membership.state === 'ended' ? [] : missing(holding, kept, { at, newId, subjects })
  const entitlements = fresh.length === 0 ? kept : derived([...kept, ...fresh])
  return { programme, links, entitlements, membership: withTimer(membership, entitlements, at) }
}

/**
 * An entitlement under the programme version that now holds, which a renewal may have changed: limits follow it; what it
 * lacks ends. So does what it gives on other terms, and comes back under a new id, since a quota or a partner that
 * changed must not reach back into what was used before.
 */
function onTerms(programme: Programme, entitlement: Entitlement, at: Instant): Entitlement {
  if (isTerminal(entitlement.state)) return entitlement
  const benefit = programme.benefits.find(({ id }) => id === entitlement.benefit)
  if (!benefit || hashOf(termsOf(benefit)) !== hashOf(termsOf(entitlement))) return endedAt(entitlement, at)
  const { limits: _limits, choiceGroup: _group, ...rest } = entitlement
  const { limits, choiceGroup } = benefit
  return { ...rest, ...(choiceGroup && { choiceGroup }), ...(limits && { limits }) }
}

type Terms = Pick<Benefit, 'partner' | 'kind' | 'linkRequired' | 'quota'>
const termsOf = ({ partner, kind, linkRequired, quota }: Terms) => [partner, kind, linkRequired, quota ?? null]

/** Options of a choice group that the member has not taken, where there is something to choose. */
function unchosenIn(programme: Programme, entitlements: Entitlement[]): Set<EntitlementId> {
  const standings = programme.choiceGroups.map(group => groupStanding(group, entitlements))
  return new Set(
    standings
      .filter(({ trivial }) => !trivial)
      .flatMap(({ options, chosen }) => options.filter(option => !chosen.includes(option)).map(({ id }) => id)),
  )
}

function missing({ programme, membership, entitlements }: Holding, kept: Entitlement[], tools: Tools): Entitlement[] {
  const { at, newId, subjects } = tools
  const held = new Set(kept.filter(({ state }) => !isTerminal(state)).map(({ benefit }) => benefit))
  return programme.benefits.flatMap(benefit => {
    const subject = subjects[benefit.partner]
    if (held.has(benefit.id) || !subject) return []
    const { partner, kind, linkRequired, choiceGroup, limits, quota } = benefit
    // A choice outlives the link: unlinking must not be a way around `changeEvery`.
    const before = entitlements.find(({ state, benefit: name }) => name === benefit.id && !isTerminal(state))
    const chosenAt = before?.choiceGroup === choiceGroup ? before?.chosenAt : undefined
    const entitlement: Entitlement = {
      id: newId<EntitlementId>('ent'),
      programme: programme.id,
      partner,
      benefit: benefit.id,
      kind,
      membership: membership.id,
      plan: membership.plan,
      member: membership.member,
      linkRequired,
      ...(choiceGroup && { choiceGroup }),
      ...(chosenAt && { chosenAt }),
      subject,
      state: 'offered',
      windows: [],
      validUntil: membership.endsAt,
      ...(limits && { limits }),
      ...(quota && { quota }),
      timeZone: programme.timeZone,
      createdAt: at,
      changedAt: at,
    }
    return [entitlement]
  })
}

/** Of so many entitlements that ended a membership still knows, and no export can list more. */
export const mostEnded = 100

/** A member who links and unlinks for ever must not grow the membership for ever: the oldest ended ones are let go. */
function remembered(entitlements: Entitlement[]): Membership['entitlements'] {
  const ended = entitlements.filter(({ state }) => isTerminal(state)).slice(-mostEnded)
  const standing = entitlements.filter(({ state }) => !isTerminal(state))
  return [...ended, ...standing].map(({ id, partner }) => ({ id, partner }))
}

/** When something will change without anybody's doing: the next boundary after `at`. */
function withTimer(membership: Membership, entitlements: Entitlement[], at: Instant): Membership {
  const { nextTimerAt: _before, ...rest } = membership
  const named = { ...rest, entitlements: remembered(entitlements) }
  if (membership.state === 'ended') return named
  const { startsAt, trialEndsAt, endsAt, graceEndsAt } = membership
  const boundaries = [startsAt, trialEndsAt, endsAt, graceEndsAt, ...entitlements.map(({ notBefore }) => notBefore)]
  const ahead = boundaries.filter(boundary => boundary !== undefined).filter(boundary => isBefore(at, boundary))
  return ahead.length === 0 ? named : { ...named, nextTimerAt: ahead.reduce(earlier) }
}

/** What the table holds: no membership yet when it is sold, but maybe links of an earlier one. */
type Before = Pick<Holding, 'entitlements' | 'links'> & { membership?: Membership }

type Needs = { table: Table; random: Random }

/**
 * Everything that a changed holding writes, as one commit. The membership's version guards its entitlements, each
 * link's `seq` guards the link, so that no rival's change is lost. Status indexes are drawn here, before that commit:
 * should it not come about, they are left unused.
 */
export async function holdingWrites(needs: Needs, after: Holding, before: Before, at: Instant): Promise<Write[]> {
  const known = new Map(before.entitlements.map(entitlement => [entitlement.id, hashOf(entitlement)]))
  const changed = after.entitlements.filter(entitlement => known.get(entitlement.id) !== hashOf(entitlement))
  const ended = after.membership.state === 'ended' && before.membership?.state !== 'ended'
  const membership = {
    ...after.membership,
    version: (before.membership?.version ?? 0) + 1,
    changedAt: later(at, after.membership.changedAt),
  }
  return [
    membershipWrite(membership, before.membership),
    ...(ended && before.membership ? [liveRemoval(membership)] : []),
    ...changed.map(entitlementWrite),
    ...(await changedLinks(needs, after, before)),
  ]
}

/** The links whose token content changed, with `seq` one up. */
async function changedLinks(needs: Needs, after: Holding, before: Before): Promise<Write[]> {
  const writes = after.links.map(async link => {
    const earlierLink = before.links.find(({ id }) => id === link.id)
    const own = projection(link, after.entitlements, [after.membership])
    // Entitlements of the member's earlier memberships stand in the same link until they end.
    const others = link.entitlements.filter(({ membership }) => membership !== after.membership.id)
    const next = await withStatus(needs, { ...link, entitlements: [...others, ...own] }, earlierLink)
    const same = earlierLink && hashOf({ ...next, seq: 0 }) === hashOf({ ...earlierLink, seq: 0 })
    return same ? [] : [linkWrite({ ...next, seq: (earlierLink?.seq ?? 0) + 1 }, earlierLink)]
  })
  return (await Promise.all(writes)).flat()
}

async function withStatus(needs: Needs, link: LinkRecord, before: LinkRecord | undefined): Promise<LinkRecord> {
  const next = nextStatus(before, link)
  if (next === 'keep') return link
  const { status: _retired, ...rest } = link
  return next === 'none' ? rest : { ...rest, status: await drawStatusIndex(needs, link.partner) }
}
