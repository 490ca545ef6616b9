import type { KeyPurpose, PublicJwk } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { allKeys } from './key-store.ts'

/**
 * The public keys of a purpose that were never withdrawn, whenever they signed: for who verifies what was signed long ago
 * and can neither open keys nor make new ones.
 */
export async function trustedKeys({ table }: { table: Table }, purpose: KeyPurpose): Promise<PublicJwk[]> {
  const keys = (await allKeys(table)).filter(key => key.purpose === purpose && !key.withdrawnAt)
  return keys.map(({ publicJwk }) => publicJwk)
}

export type WithdrawnKey = { kid: string; publicJwk: PublicJwk; withdrawnAt: Instant }

/** Those of a purpose that were withdrawn: what they signed proves nothing, but was not made up without them. */
export async function withdrawnKeys({ table }: { table: Table }, purpose: KeyPurpose): Promise<WithdrawnKey[]> {
  const keys = (await allKeys(table)).filter(key => key.purpose === purpose)
  return keys.flatMap(({ kid, publicJwk, withdrawnAt }) => (withdrawnAt ? [{ kid, publicJwk, withdrawnAt }] : []))
}
