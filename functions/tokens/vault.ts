import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto'
import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  type KMSClient,
} from '@aws-sdk/client-kms'

/** What a sealed thing is for. Opening it with another context fails, so that one key cannot pass for another. */
export type VaultContext = Record<string, string>

/**
 * Keeps private keys and secrets unreadable at rest: what the table stores is useless without the vault.
 * On AWS the vault is a KMS key, locally a development key with the same behaviour.
 */
export type Vault = {
  /** A new P-256 key pair: the public half as DER (SPKI), the private half (PKCS #8) sealed. */
  generateKeyPair(context: VaultContext): Promise<{ publicKey: Uint8Array; sealed: string }>
  seal(secret: Uint8Array, context: VaultContext): Promise<string>
  /** @throws when the context is not the one it was sealed with */
  open(sealed: string, context: VaultContext): Promise<Uint8Array>
}

/** KMS makes the pair and hands out only the encrypted private half; opening it is one Decrypt at a cold start. */
export function kmsVault(kms: KMSClient, keyId: string): Vault {
  return {
    async generateKeyPair(context) {
      const pair = await kms.send(
        new GenerateDataKeyPairWithoutPlaintextCommand({
          KeyId: keyId,
          KeyPairSpec: 'ECC_NIST_P256',
          EncryptionContext: context,
        }),
      )
      if (!pair.PublicKey || !pair.PrivateKeyCiphertextBlob) throw new Error('KMS answered without a key pair')
      return { publicKey: pair.PublicKey, sealed: Buffer.from(pair.PrivateKeyCiphertextBlob).toString('base64') }
    },
    async seal(secret, context) {
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({ KeyId: keyId, Plaintext: secret, EncryptionContext: context }),
      )
      if (!CiphertextBlob) throw new Error('KMS answered without a ciphertext')
      return Buffer.from(CiphertextBlob).toString('base64')
    },
    async open(sealed, context) {
      const { Plaintext } = await kms.send(
        new DecryptCommand({ KeyId: keyId, CiphertextBlob: Buffer.from(sealed, 'base64'), EncryptionContext: context }),
      )
      if (!Plaintext) throw new Error('KMS answered without a plaintext')
      return Plaintext
    },
  }
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
    async generateKeyPair(context) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return {
        publicKey: publicKey.export({ type: 'spki', format: 'der' }),
        sealed: seal(privateKey.export({ type: 'pkcs8', format: 'der' }), context),
      }
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

export const importPrivateKey = (pkcs8: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
export const importPublicKey = (spki: Uint8Array) =>
  createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
