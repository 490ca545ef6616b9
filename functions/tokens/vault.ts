import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
} from 'node:crypto'
import type { KeyPurpose, PublicJwk } from '../../schemas/key.ts'

/** What a sealed thing is for. Opening it with another context fails, so that one thing cannot pass for another. */
export type VaultContext = Record<string, string>
/** The public half, and the private half (PKCS #8) sealed to the context `{purpose, kid}`. */
export type SealedKeyPair = { publicJwk: PublicJwk; sealed: string }

/**
 * Keeps private keys and secrets unreadable at rest: what the table stores is useless without the vault.
 * On AWS the vault is a KMS key, locally a development key with the same behaviour.
 */
export type Vault = {
  /** A new P-256 key pair, named by its RFC 7638 thumbprint. */
  generateKeyPair(purpose: KeyPurpose): Promise<SealedKeyPair>
  seal(secret: Uint8Array, context: VaultContext): Promise<string>
  /** @throws when the context is not the one it was sealed with */
  open(sealed: string, context: VaultContext): Promise<Uint8Array>
}

/** AES-256-GCM under one development key; the context is the additional authenticated data. Never for production. */
export function developmentVault(key: Uint8Array = randomBytes(32)): Vault {
  const authenticated = (context: VaultContext) => Buffer.from(JSON.stringify(Object.entries(context).sort()))
  const seal = (secret: Uint8Array, context: VaultContext): string => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(authenticated(context))
    return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]).toString('base64')
  }
  return {
    async generateKeyPair(purpose) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const publicJwk = publicJwkOf(publicKey.export({ type: 'spki', format: 'der' }), purpose)
      const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
      return { publicJwk, sealed: seal(pkcs8, { purpose, kid: publicJwk.kid }) }
    },
    seal: async (secret, context) => seal(secret, context),
    async open(sealed, context) {
      const bytes = Buffer.from(sealed, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(authenticated(context))
      decipher.setAuthTag(bytes.subarray(-16))
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
    },
  }
}

/** A P-256 public key (DER, SPKI) as it is published. */
export function publicJwkOf(spki: Uint8Array, purpose: KeyPurpose): PublicJwk {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const [kty, crv] = ['EC', 'P-256'] as const
  // RFC 7638 §3.2: only the members that make the key, in lexicographic order.
  const kid = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
  return { kty, crv, x, y, kid, use: 'sig', alg: 'ES256', purpose }
}

export const importPrivateKey = (pkcs8: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
