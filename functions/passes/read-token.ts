import { compactVerify, createLocalJWKSet } from 'jose'
import { EntitlementTokenClaims, tokenTypes } from '../../schemas/token.ts'
import type { KeyRing } from '../tokens/keys.ts'

type Needs = { keys: Pick<KeyRing, 'publicKeysFor'>; issuer: string }

/**
 * The claims of an entitlement token that this gateway signed; undefined for any other text. Of its times nothing is
 * said: an old token is genuine too.
 */
export async function readOwnToken(
  { keys, issuer }: Needs,
  token: string,
): Promise<EntitlementTokenClaims | undefined> {
  const trusted = createLocalJWKSet({ keys: await keys.publicKeysFor('entitlement') })
  const opened = await compactVerify(token, trusted, { algorithms: ['ES256'] }).catch(() => undefined)
  if (opened?.protectedHeader.typ !== tokenTypes.entitlement) return undefined
  const { success, data } = EntitlementTokenClaims.safeParse(JSON.parse(Buffer.from(opened.payload).toString()))
  return success && data.iss === issuer ? data : undefined
}
