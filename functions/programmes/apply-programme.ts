import type { Caller } from '../../schemas/client.ts'
import type { Programme, ProgrammeDocument } from '../../schemas/programme.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal, requireVersion } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { knownPartners } from '../partners/find-partner.ts'
import { programmeFaults } from './faults.ts'
import { findHead, versionWrites } from './store.ts'

type Needs = { table: Table; now: Now }
type Request = { caller: Pick<Caller, 'brand'>; document: ProgrammeDocument; ifMatch?: string | undefined }

/** Every apply is a new version. Memberships keep the version they were sold under until renewal. */
export async function applyProgramme(
  { table, now }: Needs,
  { caller, document, ifMatch }: Request,
): Promise<Programme> {
  return againOnConflict(async () => {
    const before = await findHead(table, document.id)
    if ((before?.brand ?? document.brand) !== caller.brand || document.brand !== caller.brand)
      throw new Refusal('not-yours', `programme ${document.id} is not of the brand ${caller.brand}`)
    requireVersion(ifMatch, before?.version)
    const partners = await knownPartners(
      { table },
      document.benefits.map(benefit => benefit.partner),
    )
    const errors = programmeFaults(document, new Set(partners.map(partner => partner.id)))
    if (before && before.timeZone !== document.timeZone)
      errors.push({ pointer: '/timeZone', detail: `periods are of ${before.timeZone}: a time zone cannot change` })
    if (errors.length > 0) throw new Refusal('invalid-document', undefined, { errors })

    const programme = { ...document, version: (before?.version ?? 0) + 1, appliedAt: now() }
    await table.commit(versionWrites(programme, before))
    return programme
  })
}
