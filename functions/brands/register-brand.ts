import type { Brand, BrandDocument, BrandRecord } from '../../schemas/brand.ts'
import type { Caller } from '../../schemas/client.ts'
import { contractsOf } from '../contracts/apply-contract.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal, requireVersion } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { allProgrammes } from '../programmes/find-programme.ts'
import { shown } from './find-brand.ts'
import { entryWrites, findEntry } from './store.ts'

type Needs = { table: Table; now: Now }
type Request = { caller: Pick<Caller, 'brand' | 'client'>; document: BrandDocument; ifMatch?: string | undefined }

/**
 * Registers a brand with the account on which it is paid, or changes it. Everybody has an entry of its own: a brand for
 * itself, an operator for a brand that its contracts name. The same document again changes nothing, and each change
 * leaves a version that tells when it was made and by which client.
 * @throws Refusal not-yours, version-mismatch
 */
export async function registerBrand(needs: Needs, { caller, document, ifMatch }: Request): Promise<Brand> {
  const { table, now } = needs
  const name = { brand: document.id, registrar: caller.brand }
  return againOnConflict(async () => {
    const before = await findEntry(table, name)
    if (!before) await requireMayRegister(needs, name)
    requireVersion(ifMatch, before?.version)
    const record: BrandRecord = {
      ...document,
      registrar: caller.brand,
      client: caller.client,
      version: (before?.version ?? 0) + 1,
      appliedAt: now(),
    }
    if (before && hashOf(termsOf(before)) === hashOf(termsOf(record))) return shown(needs, before)
    await table.commit(entryWrites(record, before))
    return shown(needs, record)
  })
}

const termsOf = ({ version: _version, appliedAt: _appliedAt, client: _client, ...terms }: BrandRecord) => terms

/** @throws Refusal not-yours */
async function requireMayRegister(needs: Needs, { brand, registrar }: { brand: string; registrar: string }) {
  if (registrar === brand || (await isPartner(needs, registrar, brand))) return
  throw new Refusal(
    'not-yours',
    `${brand} is registered by itself, or by the brand of a programme whose contracts name it`,
  )
}

/** Whether a contract of the operator's programmes names the brand as payer, payee or funder. */
async function isPartner(needs: Needs, operator: string, id: string): Promise<boolean> {
  const own = (await allProgrammes(needs)).filter(({ brand }) => brand === operator)
  const contracts = (await Promise.all(own.map(programme => contractsOf(needs, programme.id)))).flat()
  return contracts.some(
    ({ payer, payee, lines }) =>
      [payer, payee].includes(id) || lines.some(({ fundedBy = [] }) => fundedBy.some(({ brand }) => brand === id)),
  )
}
