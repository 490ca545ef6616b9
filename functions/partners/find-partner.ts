import type { Partner, PartnerRecord } from '../../schemas/partner.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import type { Vault } from '../tokens/vault.ts'
import { allRecords, findRecord, findRecords } from './store.ts'

type Needs = { table: Table }

/** What may be shown of a registration: never its secret. */
export function shown({ sealedClientSecret: _sealed, operator: _operator, ...partner }: PartnerRecord): Partner {
  return partner
}

/** @throws Refusal partner-not-found */
export async function findPartner({ table }: Needs, id: string): Promise<Partner> {
  return shown(await recordOf(table, id))
}

/** Those of the given ids that are registered, in no particular order. */
export const knownPartners = async ({ table }: Needs, ids: string[]): Promise<Partner[]> =>
  (await findRecords(table, ids)).map(shown)

export const allPartners = async ({ table }: Needs): Promise<Partner[]> => (await allRecords(table)).map(shown)

/** Registrations whose brand and operator, who made them, fit; in the order of their ids. */
export const registeredBy = async (
  { table }: Needs,
  fits: (record: Pick<PartnerRecord, 'id' | 'brand' | 'operator'>) => boolean,
): Promise<Partner[]> => (await allRecords(table)).filter(fits).map(shown)

/** The registration with its secret opened, for the one who signs in at the partner. @throws Refusal partner-not-found */
export async function partnerRegistration(
  { table, vault }: { table: Table; vault: Vault },
  id: string,
): Promise<{ partner: Partner; clientSecret?: string }> {
  const record = await recordOf(table, id)
  if (!record.sealedClientSecret) return { partner: shown(record) }
  const secret = await vault.open(record.sealedClientSecret, { partner: id })
  return { partner: shown(record), clientSecret: Buffer.from(secret).toString() }
}

async function recordOf(table: Table, id: string): Promise<PartnerRecord> {
  const record = await findRecord(table, id)
  if (!record) throw new Refusal('partner-not-found', `there is no partner ${id}`)
  return record
}
