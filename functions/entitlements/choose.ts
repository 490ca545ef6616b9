import type { Entitlement } from '../../schemas/entitlement.ts'
import type { MemberId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { ChoiceGroup } from '../../schemas/programme.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { isBefore, later, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { activityWrite } from '../links/records.ts'
import { caughtUp } from '../memberships/catch-up.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { subjectsOf } from '../memberships/records.ts'
import { attachLinks } from './attach.ts'
import { endedAt, groupStanding, isTerminal } from './derive.ts'
import { type Holding, holdingWrites, loadHolding, settle } from './holding.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type Request = { member: MemberId; programme: string; group: string; benefits: string[] }

/**
 * Takes benefits of a choice group. Another choice ends the entitlements it gives up, and is possible only once
 * `changeEvery` has passed since the last one. The same choice again changes nothing.
 * @throws Refusal choice-not-possible; already-entitled when the linked account has the benefit from elsewhere
 */
export async function choose({ table, now, newId, random }: Needs, request: Request): Promise<void> {
  await againOnConflict(async () => {
    const live = (await liveMemberships({ table }, request.member)).find(
      ({ programme }) => programme === request.programme,
    )
    if (!live) throw new Refusal('choice-not-possible', 'there is no live membership of the programme')
    const at = now()
    const stored = await loadHolding(table, live.id)
    const before = await caughtUp({ table, newId }, stored, at)
    const group = before.programme.choiceGroups.find(({ id }) => id === request.group)
    if (!group) throw new Refusal('choice-not-possible', `the programme has no choice group ${request.group}`)
    const chosen = decideChoice(group, before.entitlements, {
      benefits: request.benefits,
      at,
      timeZone: before.programme.timeZone,
    })
    if (!chosen) return
    const subjects = await subjectsOf(table, request.member)
    const after = settle({ ...before, entitlements: chosen }, { at, newId, subjects })
    const taken = after.entitlements.filter(({ chosenAt }) => chosenAt === at)
    const grants = await attachLinks(table, after.links, taken)
    const writes = await holdingWrites({ table, random }, after, stored, at)
    await table.commit([...writes, ...choiceEntries(after, at), ...grants])
  })
}

/** What was taken just now, for the member's own activity log. */
const choiceEntries = ({ membership, entitlements }: Holding, at: Instant): Write[] =>
  entitlements
    .filter(({ chosenAt, state }) => chosenAt === at && !isTerminal(state))
    .map(({ id, programme, partner, benefit }) =>
      activityWrite(membership.member, id, { at, action: 'chosen', programme, partner, benefit }),
    )

/** The entitlements after a choice, or undefined when it is the one that holds. */
export function decideChoice(
  group: ChoiceGroup,
  entitlements: Entitlement[],
  { benefits, at, timeZone }: { benefits: string[]; at: Instant; timeZone: string },
): Entitlement[] | undefined {
  const wanted = new Set(benefits)
  const { options, chosen, trivial } = groupStanding(group, entitlements)
  const unknown = [...wanted].find(benefit => !options.some(option => option.benefit === benefit))
  if (unknown !== undefined) throw new Refusal('choice-not-possible', `${unknown} is not in the group ${group.id}`)
  if (wanted.size === 0 || wanted.size > group.choose)
    throw new Refusal('choice-not-possible', `1 to ${group.choose} benefits can be chosen`)
  if (trivial) return undefined
  const given = chosen.filter(({ benefit }) => !wanted.has(benefit))
  if (given.length === 0 && wanted.size === chosen.length) return undefined
  if (given.length > 0) mayChange(group, chosen, at, timeZone)
  return entitlements.map(entitlement => {
    if (given.includes(entitlement)) return endedAt(entitlement, at)
    const takes = options.includes(entitlement) && wanted.has(entitlement.benefit) && !entitlement.chosenAt
    return takes ? { ...entitlement, chosenAt: at } : entitlement
  })
}

/** From when on another choice may be made; undefined where the choice is final or nothing is chosen yet. */
export function changeableFrom(
  { changeEvery }: ChoiceGroup,
  chosen: Pick<Entitlement, 'chosenAt' | 'createdAt'>[],
  timeZone: string,
): Instant | undefined {
  if (!changeEvery || chosen.length === 0) return undefined
  return plusDuration(
    chosen.map(({ chosenAt, createdAt }) => chosenAt ?? createdAt).reduce(later),
    changeEvery,
    timeZone,
  )
}

function mayChange(group: ChoiceGroup, chosen: Entitlement[], at: Instant, timeZone: string): void {
  const free = changeableFrom(group, chosen, timeZone)
  if (!free || isBefore(at, free))
    throw new Refusal('choice-not-possible', free ? `the choice can be changed from ${free} on` : 'the choice is final')
}
