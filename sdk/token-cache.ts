import type { TokenReading, VerifiedEntitlements } from './entitlements.ts'
import type { PublishedKey } from './jwks.ts'
import type { JsonObject } from './strict-json.ts'

/** A token whose form, signature and claims have been verified. What depends on time or on others is judged anew. */
export interface RememberedToken {
  readonly kid: string
  /** The key that verified it: under another key by the same kid it would be another token. */
  readonly key: PublishedKey
  readonly claims: JsonObject
  readonly reading: TokenReading
  /** The answer while all is well: without a status, or of a status found valid. */
  readonly answer: VerifiedEntitlements
  /** Epoch seconds between which the claims read the same: from inclusive, until exclusive. */
  readonly readFrom: number
  readonly readUntil: number
}

export interface TokenCache {
  get(token: string): RememberedToken | undefined
  put(token: string, remembered: RememberedToken): void
  drop(token: string): void
}

interface Slot {
  readonly token: string
  readonly remembered: RememberedToken
}

/** Length of an ES256 signature in base64url: the end of every token that comes in here. */
const SIGNATURE_CHARACTERS = 86

/** Remembers tokens by their text; the oldest goes first. Only genuine tokens come in, so a stranger cannot fill it. */
export function createTokenCache(maxTokens: number): TokenCache {
  // By signature, because hashing the whole of a new string takes longer than finding it; then the whole is compared.
  const slots = new Map<string, Slot>()
  const keyOf = (token: string): string => token.slice(-SIGNATURE_CHARACTERS)
  return {
    get(token) {
      if (typeof token !== 'string' || slots.size === 0) return undefined
      const slot = slots.get(keyOf(token))
      return slot?.token === token ? slot.remembered : undefined
    },
    put(token, remembered) {
      const key = keyOf(token)
      slots.delete(key)
      slots.set(key, { token, remembered })
      if (slots.size <= maxTokens) return
      for (const oldest of slots.keys()) {
        slots.delete(oldest)
        return
      }
    },
    drop(token) {
      slots.delete(keyOf(token))
    },
  }
}
