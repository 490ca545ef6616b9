import type { Caller } from '../../schemas/client.ts'
import type { Partner, PartnerDocument, PartnerRecord } from '../../schemas/partner.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal, requireVersion } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import type { Vault } from '../tokens/vault.ts'
import { shown } from './find-partner.ts'
import { findRecord, partnerWrite } from './store.ts'

type Needs = { table: Table; vault: Vault; now: Now }
type Request = { caller: Pick<Caller, 'brand'>; document: PartnerDocument; ifMatch?: string | undefined }

/** Registers a partner or changes its registration. A secret that is not sent again stays as it is. */
export async function registerPartner({ table, vault, now }: Needs, request: Request): Promise<Partner> {
  const { clientSecret, ...document } = request.document
  return againOnConflict(async () => {
    const before = await findRecord(table, document.id)
    if (before && before.operator !== request.caller.brand)
      throw new Refusal('not-yours', `partner ${document.id} is registered by another brand`)
    requireVersion(request.ifMatch, before?.version)
    const sealed = clientSecret
      ? await vault.seal(Buffer.from(clientSecret), { partner: document.id })
      : before?.sealedClientSecret
    if (document.clientAuthentication === 'client_secret_basic' && !sealed)
      throw new Refusal('invalid-document', 'the gateway has no secret to authenticate with', {
        errors: [{ pointer: '/clientSecret', detail: 'needed for client_secret_basic' }],
      })
    const record: PartnerRecord = {
      ...document,
      brand: document.brand ?? document.id,
      operator: request.caller.brand,
      version: (before?.version ?? 0) + 1,
      appliedAt: now(),
      ...(sealed && { sealedClientSecret: sealed }),
    }
    await table.commit([partnerWrite(record, before)])
    return shown(record)
  })
}
