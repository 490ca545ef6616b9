import * as z from 'zod'
import { LinkId } from '../../schemas/ids.ts'
import { Slug } from '../../schemas/primitives.ts'
import { put, recordType, remove, type Table, type Write } from '../kernel/table.ts'
import type { Vault } from '../tokens/vault.ts'

/** A partner's refresh token, kept only where its registration says `keepTokens`, so that unlinking can revoke it. */
const PartnerToken = z.strictObject({
  link: LinkId,
  partner: Slug,
  /** By the vault, to `{partner, link}`: it opens for no other link. */
  sealed: z.string(),
})
const partnerToken = recordType('partner-token', PartnerToken)

const key = (link: LinkId) => ({ pk: `PARTNERTOKEN#${link}`, sk: 'HEAD' })

/** Within the commit that makes the link; a later one of the same link takes its place. */
export async function partnerTokenWrite(
  { vault }: { vault: Vault },
  { link, partner, refreshToken }: { link: LinkId; partner: string; refreshToken: string },
): Promise<Write> {
  const sealed = await vault.seal(Buffer.from(refreshToken), { partner, link })
  return put(partnerToken, key(link), { link, partner, sealed })
}

/** Within the commit that ends or breaks the link; where no token is kept it changes nothing. */
export const partnerTokenRemoval = (link: LinkId): Write => remove(key(link))

/** The refresh token that is kept for a link, opened; it is never to be logged. */
export async function findPartnerToken(
  { table, vault }: { table: Table; vault: Vault },
  link: LinkId,
): Promise<string | undefined> {
  const found = await table.get(partnerToken, key(link))
  return found && Buffer.from(await vault.open(found.sealed, { partner: found.partner, link })).toString()
}
