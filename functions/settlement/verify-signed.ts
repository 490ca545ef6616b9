import { compactVerify, createLocalJWKSet } from 'jose'
import type { KeyRing } from '../tokens/keys.ts'

/** The claims of a token of this type that one of the gateway's statement keys signed; undefined where none did. */
export type ReadSigned = (token: string, typ: string) => Promise<Record<string, unknown> | undefined>

export async function signedReader(keys: Pick<KeyRing, 'publicKeysFor'>): Promise<ReadSigned> {
  const jwks = createLocalJWKSet({ keys: await keys.publicKeysFor('statement') })
  return async (token, typ) => {
    try {
      const { payload, protectedHeader } = await compactVerify(token, jwks, { algorithms: ['ES256'] })
      // The last bits of base64url stand for nothing: only one text is the token that was signed.
      const isExact = token.split('.').every(part => Buffer.from(part, 'base64url').toString('base64url') === part)
      if (protectedHeader.typ !== typ || !isExact) return undefined
      return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
    } catch {
      return undefined
    }
  }
}
