import type { Entitlement } from '../../schemas/entitlement.ts'
import type { MembershipId } from '../../schemas/ids.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Member, Membership } from '../../schemas/membership.ts'
import { MemberExport } from '../../schemas/privacy.ts'
import { isTerminal } from '../entitlements/derive.ts'
import { entitlementsNamed, usesOfLink } from '../entitlements/history.ts'
import { mostEnded } from '../entitlements/holding.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import { recordActivity } from '../links/activity.ts'
import { everyLink, wholeActivity } from '../links/member-links.ts'
import { allMemberships, findMember } from '../memberships/find-member.ts'
import { elsewhere } from './elsewhere.ts'

type Needs = { table: Table; now: Now; wallNow: Now; newId: NewId; issuer: string }
type Identity = { issuer: string; subject: string }

/** So many of each at most: one document must be read in one go, and answered within a Lambda's 6 MB. */
const mostOfEach = { memberships: 100, entitlements: 2_000, links: 500, activity: 5_000, uses: 5_000 }

/**
 * All that is held about a person, whether or not they ever had a membership. The member's own log tells that it was
 * asked for, and that line is part of it.
 */
export async function exportMember(needs: Needs, identity: Identity, most = mostOfEach): Promise<MemberExport> {
  const { table, now, wallNow } = needs
  const member = await findMember({ table }, identity)
  if (member) await recordActivity(needs, member.id, { at: now(), action: 'data-exported' })
  const held = member ? await heldOf(table, member, most) : nothing
  return MemberExport.parse({
    format: 'tessera-member-export',
    formatVersion: 1,
    issuer: needs.issuer,
    exportedAt: wallNow(),
    identity: {
      issuer: identity.issuer,
      subject: identity.subject,
      ...(member && { member: member.id, since: member.createdAt }),
      ...(member?.attributes && { attributes: member.attributes }),
    },
    pairwiseSubjects: Object.entries(member?.subjects ?? {}).map(([partner, subject]) => ({ partner, subject })),
    ...held,
    elsewhere,
  })
}

type Held = Pick<MemberExport, 'memberships' | 'entitlements' | 'links' | 'choices' | 'activity' | 'uses' | 'leftOut'>
const nothing: Held = { memberships: [], entitlements: [], links: [], choices: [], activity: [], uses: [], leftOut: [] }

async function heldOf(table: Table, { id }: Member, most: typeof mostOfEach): Promise<Held> {
  const leftOut: string[] = []
  const within = <T>(all: T[], name: keyof typeof most, kept: string): T[] => {
    if (all.length > most[name])
      leftOut.push(`${name}: ${kept} ${most[name]} of more; ask the seller of the membership for the rest`)
    return all.slice(0, most[name])
  }
  const memberships = within(await allMemberships({ table }, id), 'memberships', 'the newest')
  const named = memberships.flatMap(membership => membership.entitlements)
  const entitlements = await entitlementsNamed(
    { table },
    within(named, 'entitlements', 'those of the newest memberships,'),
  )
  leftOut.push(...memberships.flatMap(({ id: membership }) => forgottenOf(membership, entitlements)))
  const activity = within(await firstOf(wholeActivity({ table }, id), most.activity + 1), 'activity', 'the first')
  const links = within(await everyLink({ table }, id, most.activity), 'links', 'the first')
  const uses = within(await usesOf(table, links, most.uses + 1), 'uses', 'the first')
  return {
    memberships: memberships.map(shownMembership),
    entitlements: entitlements.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ member: _own, ...rest }) => rest),
    links: links.map(shownLink),
    choices: entitlements.flatMap(choiceOf),
    activity,
    uses,
    leftOut,
  }
}

/** A membership knows the latest of its entitlements that ended: where it knows as many as it can, there were others. */
function forgottenOf(membership: MembershipId, entitlements: Entitlement[]): string[] {
  const ended = entitlements.filter(held => held.membership === membership && isTerminal(held.state))
  if (ended.length < mostEnded) return []
  const kept = `of ${membership} those that stand and the latest ${mostEnded} that ended`
  return [`entitlements: ${kept}; older ones may exist, ask the seller of the membership for them`]
}

async function firstOf<T>(all: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for await (const one of all) {
    taken.push(one)
    if (taken.length === count) break
  }
  return taken
}

async function usesOf(table: Table, links: LinkRecord[], count: number) {
  const uses: MemberExport['uses'] = []
  for (const { id } of links) {
    const missing = count - uses.length
    if (missing > 0) uses.push(...(await usesOfLink({ table }, id, missing)))
  }
  return uses
}

const choiceOf = ({ membership, choiceGroup, benefit, chosenAt }: Entitlement): MemberExport['choices'] =>
  choiceGroup && chosenAt ? [{ membership, choiceGroup, benefit, chosenAt }] : []

const shownMembership = ({ member: _m, version: _v, entitlements: _e, nextTimerAt: _t, ...rest }: Membership) => rest

const shownLink = ({ member: _m, seq: _q, entitlements: _e, status: _s, ...rest }: LinkRecord) => rest
