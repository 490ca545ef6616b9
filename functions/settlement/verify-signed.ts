import { compactVerify, createLocalJWKSet } from 'jose'
import type { Instant } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { withdrawnKeys } from '../tokens/trusted-keys.ts'

/** The claims of a token of this type that one of the gateway's statement keys signed; undefined where none did. */
export type ReadSigned = (token: string, typ: string) => Promise<Record<string, unknown> | undefined>

export type SignedReader = {
  read: ReadSigned
  /** How many of the tokens that were read a key had signed that was withdrawn since. */
  withdrawn(): { kid: string; withdrawnAt: Instant; tokens: number }[]
}

type Needs = { table: Table; keys: Pick<KeyRing, 'publicKeysFor'> }

/** A key that was withdrawn made its signatures all the same: they are told by themselves, apart from forged ones. */
export async function signedReader({ table, keys }: Needs): Promise<SignedReader> {
  const gone = await withdrawnKeys({ table }, 'statement')
  const tokens = new Map<string, number>()
  const kids = new Set(gone.map(({ kid }) => kid))
  const trusted = (await keys.publicKeysFor('statement')).filter(({ kid }) => !kids.has(kid))
  const jwks = createLocalJWKSet({ keys: [...trusted, ...gone.map(({ publicJwk }) => publicJwk)] })
  const read: ReadSigned = async (token, typ) => {
    try {
      const { payload, protectedHeader } = await compactVerify(token, jwks, { algorithms: ['ES256'] })
      const { kid } = protectedHeader
      // The last bits of base64url stand for nothing: only one text is the token that was signed.
      const isExact = token.split('.').every(part => Buffer.from(part, 'base64url').toString('base64url') === part)
      if (protectedHeader.typ !== typ || !isExact) return undefined
      const claims = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
      if (kid !== undefined && kids.has(kid)) tokens.set(kid, (tokens.get(kid) ?? 0) + 1)
      return claims
    } catch {
      return undefined
    }
  }
  const withdrawn = () =>
    gone.flatMap(({ kid, withdrawnAt }) => {
      const count = tokens.get(kid)
      return count === undefined ? [] : [{ kid, withdrawnAt, tokens: count }]
    })
  return { read, withdrawn }
}
