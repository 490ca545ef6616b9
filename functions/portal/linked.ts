import { Slug } from '../../schemas/primitives.ts'
import { Refusal } from '../kernel/refusal.ts'
import { overviewOf } from '../memberships/overview.ts'
import { findPartner } from '../partners/find-partner.ts'
import { localized } from './language.ts'
import { memberOf } from './member.ts'
import { linkedView, notLinkedView } from './views/linked.tsx'
import type { Answer, Portal, SignedInVisit } from './visit.ts'

/** What stands after linking at a partner. The address proves nothing, so the page says what the records say. */
export async function showLinked(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  if (!Slug.safeParse(partnerId).success) throw new Refusal('partner-not-found')
  const partner = await findPartner(portal, partnerId)
  const asked = Slug.safeParse(visit.url.searchParams.get('programme'))
  const programme = asked.success ? asked.data : undefined
  const member = await memberOf(portal, visit.session)
  const memberships = member ? await overviewOf(portal, member.id) : []
  const linked = memberships
    .filter(overview => programme === undefined || overview.programme.id === programme)
    .map(overview => ({
      visit,
      overview,
      held: overview.benefits.filter(
        ({ benefit, link }) => benefit.partner === partner.id && benefit.linkRequired && link?.state === 'active',
      ),
    }))
    .find(({ held }) => held.length > 0)
  const view = linked && linkedView(linked)
  return {
    view: view ?? notLinkedView(visit, { id: partner.id, name: localized(partner.name, visit.language) }, programme),
  }
}
