import type { Instant } from '../../schemas/primitives.ts'
import { Slug } from '../../schemas/primitives.ts'
import { changeableFrom, choose } from '../entitlements/choose.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { type MembershipOverview, overviewOf } from '../memberships/overview.ts'
import { memberOf } from './member.ts'
import { type Choice, type ChoiceStanding, chooseView } from './views/choose.tsx'
import { type Answer, choosePath, NoticeShown, type Portal, type SignedInVisit } from './visit.ts'

type Found = { overview: MembershipOverview; choice: Choice }

/** What a choice group offers and whether the member may choose now. */
export async function askChoice(portal: Portal, visit: SignedInVisit, group: string): Promise<Answer> {
  const found = await groupOf(portal, visit, group, visit.url.searchParams.get('programme'))
  if (!found) throw new NoticeShown({ code: 'choice-not-possible', status: refusals['not-found'][0] })
  return { view: chooseView({ visit, ...found }, standingOf(found, portal.now())) }
}

export async function chooseBenefits(portal: Portal, visit: SignedInVisit, group: string): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const request = { programme: visit.form.get('programme') ?? '', group, benefits: visit.form.getAll('benefit') }
  const chosen = async () => {
    const named = [request.programme, group, ...request.benefits].every(name => Slug.safeParse(name).success)
    if (!member || !named || request.benefits.length === 0) throw new Refusal('choice-not-possible')
    await choose(portal, { member: member.id, ...request })
  }
  await chosen().catch(async error => {
    if (!(error instanceof Refusal)) throw error
    throw await refused(portal, visit, { group, programme: request.programme, refusal: error })
  })
  return { location: `/?chosen=${encodeURIComponent(group)}` }
}

/** A refused choice as a page: from when on it would be possible, and the way back to the options. */
async function refused(
  portal: Portal,
  visit: SignedInVisit,
  { group, programme, refusal }: { group: string; programme: string; refusal: Refusal },
): Promise<Error> {
  const code = refusal.code
  if (code !== 'choice-not-possible' && code !== 'already-entitled') return refusal
  const found = await groupOf(portal, visit, group, programme)
  const standing = found && standingOf(found, portal.now())
  const status = refusals[code][0]
  if (!found || !standing) return new NoticeShown({ code, status }, [], refusal)
  const again = choosePath(group, found.overview.programme.id)
  const date = standing.state === 'later' && { at: standing.from, timeZone: found.overview.programme.timeZone }
  return new NoticeShown({ code, status, again, ...(date && { date }) }, [], refusal)
}

async function groupOf(
  portal: Portal,
  { session }: SignedInVisit,
  group: string,
  programme: string | null,
): Promise<Found | undefined> {
  const member = await memberOf(portal, session)
  const memberships = member ? await overviewOf(portal, member.id) : []
  return memberships
    .filter(overview => !programme || overview.programme.id === programme)
    .flatMap(overview => overview.openChoices.map(choice => ({ overview, choice })))
    .find(({ choice }) => choice.group.id === group)
}

function standingOf({ overview, choice: { group, chosen } }: Found, now: Instant): ChoiceStanding {
  if (chosen.length < group.choose) return { state: 'undecided' }
  const { timeZone } = overview.programme
  const taken = overview.benefits.flatMap(({ benefit, entitlement }) =>
    chosen.includes(benefit.id) && entitlement ? [entitlement] : [],
  )
  const from = changeableFrom(group, taken, timeZone)
  if (!from || !group.changeEvery) return { state: 'final' }
  if (isBefore(now, from)) return { state: 'later', from }
  return { state: 'changeable', nextFrom: plusDuration(now, group.changeEvery, timeZone) }
}
