import type { ActivityEntry } from '../../schemas/link.ts'
import type { Programme } from '../../schemas/programme.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { activityOf } from '../links/activity.ts'
import { liveLinks } from '../links/records.ts'
import { allMemberships } from '../memberships/find-member.ts'
import { knownPartners } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { memberOf } from './member.ts'
import { type ActivityNames, activityView } from './views/activity.tsx'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from './visit.ts'

const entriesOnPage = 30

/** The member's own log, newest first, page by page. */
export async function showActivity(portal: Portal, visit: SignedInVisit): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const cursor = visit.url.searchParams.get('cursor') ?? undefined
  if (!member) return { view: activityView(visit, { items: [] }, nobody) }
  const page = await activityOf(portal, member.id, { limit: entriesOnPage, cursor }).catch(notACursor)
  return { view: activityView(visit, page, await namesOf(portal, member.id, page.items)) }
}

const nobody: ActivityNames = { partners: new Map(), programmes: new Map(), live: new Set(), timeZone: 'UTC' }

function notACursor(error: unknown): never {
  if (!(error instanceof Refusal) || error.code !== 'invalid-request') throw error
  throw new NoticeShown({ code: error.code, status: refusals[error.code][0], again: '/activity' }, [], error)
}

/** What the entries name by id, as it is called now, and which links are still to be undone. */
async function namesOf({ table }: Portal, member: string, entries: ActivityEntry[]): Promise<ActivityNames> {
  const held = (await allMemberships({ table }, member)).map(({ programme }) => programme)
  const named = new Set([...held, ...entries.flatMap(({ programme }) => programme ?? [])])
  const [partners, programmes, links] = await Promise.all([
    knownPartners({ table }, [...new Set(entries.flatMap(({ partner }) => partner ?? []))]),
    Promise.all([...named].map(id => knownProgramme(table, id))),
    Promise.all([...named].map(id => liveLinks(table, member, id))),
  ])
  const known = programmes.filter(programme => programme !== undefined)
  return {
    partners: new Map(partners.map(({ id, name }) => [id, name])),
    programmes: new Map(known.map(programme => [programme.id, programme])),
    live: new Set(links.flat().map(({ id }) => id)),
    // What names no programme is told by the clock of the newest membership's.
    timeZone: known[0]?.timeZone ?? 'UTC',
  }
}

const knownProgramme = (table: Table, id: string): Promise<Programme | undefined> =>
  findProgramme({ table }, id).catch(error => {
    if (error instanceof Refusal) return undefined
    throw error
  })
