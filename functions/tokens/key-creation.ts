import { type KeyPurpose, KeyPurpose as KeyPurposes, type KeyRecord } from '../../schemas/key.ts'
import { passOverConflict, type Table } from '../kernel/table.ts'
import { type Clocks, nowOf } from './key-lifecycle.ts'
import { allKeys, createFirstKeys } from './key-store.ts'
import type { Vault } from './vault.ts'

export type KeysOfPurposes = Record<KeyPurpose, KeyRecord[]>
type Needs = Clocks & { table: Table; vault: Vault }

/** Every key of every purpose. A purpose without any gets its first two: one that signs, and the one that follows. */
export async function loadKeys(needs: Needs): Promise<KeysOfPurposes> {
  const found = byPurpose(await allKeys(needs.table))
  const missing = KeyPurposes.options.filter(purpose => found[purpose].length === 0)
  if (missing.length === 0) return found
  await Promise.all(missing.map(purpose => createFirst(needs, purpose)))
  return byPurpose(await allKeys(needs.table))
}

function byPurpose(records: KeyRecord[]): KeysOfPurposes {
  const of = (purpose: KeyPurpose) => records.filter(record => record.purpose === purpose)
  return {
    entitlement: of('entitlement'),
    'status-list': of('status-list'),
    event: of('event'),
    statement: of('statement'),
    access: of('access'),
    client: of('client'),
  }
}

async function createFirst(needs: Needs, purpose: KeyPurpose): Promise<void> {
  const publishedAt = nowOf(needs, purpose)
  const [first, second] = await Promise.all([
    newKey(needs, { purpose, sequence: 1, publishedAt }),
    newKey(needs, { purpose, sequence: 2, publishedAt }),
  ])
  // Where a rival made this purpose's first keys, those are as good and ours are forgotten.
  await createFirstKeys(needs.table, [{ ...first, activeFrom: publishedAt }, second]).catch(passOverConflict)
}

/** A key that nobody has asked for yet. */
export async function newKey(
  { vault }: { vault: Vault },
  place: Pick<KeyRecord, 'purpose' | 'sequence' | 'publishedAt'>,
): Promise<KeyRecord> {
  const { publicJwk, sealed } = await vault.generateKeyPair(place.purpose)
  return { ...place, kid: publicJwk.kid, publicJwk, sealed, version: 1 }
}
